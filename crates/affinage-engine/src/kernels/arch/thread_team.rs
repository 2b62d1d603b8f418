//! Threads that stay awake between the small products of one decoded token.
//!
//! A section of that work takes tens of microseconds, and a sleeping thread takes about as long to wake. While a team is
//! gathered, the other threads of the pool look for its next section without going to sleep. A section is a number of
//! items; who takes which one changes no result.

use rayon::prelude::*;
use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Looks without success before a thread lets others of the machine run, about 0.1 ms.
const PATIENCE: u32 = 2000;

thread_local! {
    /// The team that this thread leads.
    static LED: Cell<*const ThreadTeam> = const { Cell::new(ptr::null()) };
}

type Section = *const (dyn Fn(usize) + Sync);

struct ThreadTeam {
    /// Read only by who holds an item, written only by the leader while nobody does.
    section: UnsafeCell<Option<Section>>,
    untaken: AtomicUsize,
    unfinished: AtomicUsize,
    is_open: AtomicBool,
    /// Index of the leader in the pool.
    leader: AtomicUsize,
}

// SAFETY: `section` points to a `Sync` closure and is read and written as its comment says; the rest are atomics.
unsafe impl Sync for ThreadTeam {}

/// Runs `body` in the pool with the pool's other threads awake; [`for_each`] and [`map`] inside it use them.
pub fn gather<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    let team = ThreadTeam {
        section: UnsafeCell::new(None),
        untaken: AtomicUsize::new(0),
        unfinished: AtomicUsize::new(0),
        is_open: AtomicBool::new(true),
        leader: AtomicUsize::new(usize::MAX),
    };
    rayon::scope(|scope| {
        team.leader.store(rayon::current_thread_index().unwrap_or(usize::MAX), Ordering::Release);
        for _ in 1..rayon::current_num_threads() {
            scope.spawn(|_| team.serve());
        }
        let _closes = Lead::begin(&team);
        body()
    })
}

/// Calls `work` for `0..count`, on the team that this thread leads, else on the pool.
pub fn for_each(count: usize, work: impl Fn(usize) + Sync) {
    let team = LED.get();
    if team.is_null() {
        return (0..count).into_par_iter().with_max_len(1).for_each(&work);
    }
    // SAFETY: `LED` points to the team of a `gather` that is still running on this thread.
    unsafe { (*team).run(count, &work) }
}

/// The results of `work` for `0..count`, in order.
pub fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let results: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
    for_each(count, |item| *results[item].lock().expect("no item is done twice") = Some(work(item)));
    let done =
        |result: Mutex<Option<T>>| result.into_inner().expect("not poisoned").expect("every item is done");
    results.into_iter().map(done).collect()
}

/// The thread leads the team while this value lives; dropping it releases the members, also on unwind.
struct Lead<'a>(&'a ThreadTeam);

impl Lead<'_> {
    fn begin(team: &ThreadTeam) -> Lead<'_> {
        LED.set(team);
        Lead(team)
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        LED.set(ptr::null());
        self.0.is_open.store(false, Ordering::Release);
    }
}

/// An item that was taken. It counts as finished however its work ends.
struct Item<'a>(&'a ThreadTeam);

impl Drop for Item<'_> {
    fn drop(&mut self) {
        self.0.unfinished.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Holds the leader back, in a panic too, until nobody works on the section any more.
struct Finish<'a>(&'a ThreadTeam);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        let never_taken = self.0.untaken.swap(0, Ordering::AcqRel);
        self.0.unfinished.fetch_sub(never_taken, Ordering::AcqRel);
        let mut vain = 0;
        while self.0.unfinished.load(Ordering::Acquire) > 0 {
            wait(&mut vain);
        }
    }
}

impl ThreadTeam {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        // SAFETY: the closure outlives `finish`, which returns after the last item; between sections nobody holds an
        // item, so nobody reads the cell.
        unsafe { *self.section.get() = Some(std::mem::transmute::<&(dyn Fn(usize) + Sync), Section>(work)) };
        self.unfinished.store(count, Ordering::Relaxed);
        self.untaken.store(count, Ordering::Release);
        let finish = Finish(self);
        while self.do_one() {}
        drop(finish);
    }

    /// Takes an item and works on it; `false` if there is none.
    fn do_one(&self) -> bool {
        let mut untaken = self.untaken.load(Ordering::Acquire);
        while untaken > 0 {
            let taken = untaken - 1;
            match self.untaken.compare_exchange_weak(untaken, taken, Ordering::AcqRel, Ordering::Acquire) {
                Err(now) => untaken = now,
                Ok(_) => {
                    let item = Item(self);
                    // SAFETY: whoever took an item of a section sees that section's closure (acquired with the item),
                    // and the leader keeps it alive until the item is finished.
                    unsafe { (*(*self.section.get()).expect("a section has work"))(taken) };
                    drop(item);
                    return true;
                }
            }
        }
        false
    }

    /// The life of a member. The leader, who may find this job while it waits for another, passes on.
    fn serve(&self) {
        if rayon::current_thread_index() == Some(self.leader.load(Ordering::Acquire)) {
            return;
        }
        let mut vain = 0;
        while self.is_open.load(Ordering::Acquire) {
            if self.do_one() {
                vain = 0;
            } else {
                wait(&mut vain);
            }
        }
    }
}

fn wait(vain: &mut u32) {
    *vain += 1;
    if *vain < PATIENCE { std::hint::spin_loop() } else { std::thread::yield_now() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_item_of_every_section_is_done_once() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                gather(|| {
                    for section in 0..2000 {
                        let count = section % 7;
                        let sum = AtomicU64::new(0);
                        for_each(count, |item| {
                            sum.fetch_add(1 << (8 * item), Ordering::Relaxed);
                        });
                        let expected = (0..count).map(|item| 1u64 << (8 * item)).sum::<u64>();
                        assert_eq!(sum.into_inner(), expected);
                    }
                    assert_eq!(map(9, |item| item * item), [0, 1, 4, 9, 16, 25, 36, 49, 64]);
                });
            });
        }
    }

    #[test]
    fn a_panic_in_an_item_reaches_the_caller_and_ends_the_team() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let fails = |item: usize| assert_ne!(item, 4, "item four fails");
        let run = || pool.install(|| gather(|| for_each(50, fails)));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        assert!(caught.is_err());
        assert_eq!(pool.install(|| gather(|| map(3, |item| item))), [0, 1, 2]);
    }

    #[test]
    fn without_a_team_the_pool_works() {
        assert_eq!(map(4, |item| item + 1), [1, 2, 3, 4]);
    }
}
