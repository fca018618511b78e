//! The standing workers of this session, and the R code by which they live.

use std::cell::RefCell;
use std::ffi::c_int;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use extendr_api::prelude::*;
use rustle_shared::MemoryFile;
use rustle_workers::clock::now_ns;
use rustle_workers::part::Part;
use rustle_workers::pool::{NoServer, Pool};

use crate::fields::{at_least_one, Fields};
use crate::parcel::entries;
use crate::refusal::{into_r, Parsed, Refusal};

thread_local! {
    /// The pool of this session, on R's main thread.
    static POOL: RefCell<Option<Rc<RefCell<Pool>>>> = const { RefCell::new(None) };
}

/// The pool of this session.
pub(crate) fn current() -> Parsed<Rc<RefCell<Pool>>> {
    forget_foreign();
    POOL.with_borrow(|pool| pool.clone())
        .ok_or_else(|| Refusal::internal("there is no pool of workers"))
}

pub(crate) fn refusal(errno: c_int) -> Refusal {
    let error = std::io::Error::from_raw_os_error(errno);
    Refusal::new(
        "system",
        format!("No worker process can be reached: {error}."),
    )
}

/// A process that the session has forked leaves the session's workers alone: it closes
/// nothing that would tell them of an end, and makes a pool of its own if it needs one.
fn forget_foreign() {
    POOL.with_borrow_mut(|slot| {
        if slot.as_ref().is_some_and(|pool| pool.borrow().is_foreign()) {
            std::mem::forget(slot.take());
        }
    });
}

/// The parcels of a job: what it is, the desk of its workers, its terms, and the
/// steps that new workers make, if there are any.
pub(crate) fn parts(code: &Fields) -> Parsed<Vec<Part<Arc<MemoryFile>>>> {
    let part = |name: &str| {
        let handle = code.get(name)?;
        // SAFETY: R code passes handles of parcels, which live as long as `code`.
        let parcel = unsafe { entries::parcel(handle.get().cast()) };
        let parcel = parcel.ok_or_else(|| Refusal::internal("a parcel is missing"))?;
        Ok(match parcel.light() {
            Some(bytes) => Part::Bytes(bytes.to_vec()),
            None => Part::Files(parcel.files().to_vec()),
        })
    };
    let mut parts = vec![part("order")?, part("desk")?, part("terms")?];
    if code.optional("steps")?.is_some() {
        parts.push(part("steps")?);
    }
    Ok(parts)
}

/// Makes the pool of this session: `program`, `arguments`, `names` and `values` of variables of
/// the environment, `size`. Starts nothing.
/// @noRd
#[extendr]
fn rs_pool_open(spec: Robj) -> List {
    let open = |spec: Fields| {
        let mut command = Command::new(spec.text("program")?);
        command.args(spec.texts("arguments")?);
        command.envs(spec.texts("names")?.into_iter().zip(spec.texts("values")?));
        let size = at_least_one(spec.number("size")?).get() as usize;
        let pool = Pool::new(command, size).map_err(refusal)?;
        forget_foreign();
        POOL.set(Some(Rc::new(RefCell::new(pool))));
        Ok(r!(NULL))
    };
    into_r(Fields::new(&spec).and_then(open))
}

/// Ends the workers of this session.
/// @noRd
#[extendr]
fn rs_pool_close() {
    forget_foreign();
    drop(POOL.take());
}

/// Keeps so many workers from now on.
/// @noRd
#[extendr]
fn rs_pool_resize(size: f64) {
    if let Ok(pool) = current() {
        pool.borrow_mut().resize(at_least_one(size).get() as usize);
    }
}

/// Lets go of all workers that stand by.
/// @noRd
#[extendr]
fn rs_pool_dismiss() {
    if let Ok(pool) = current() {
        pool.borrow_mut().dismiss_all();
    }
}

/// Before a job: starts the server if there is none, and waits for it, at most `seconds`: its greeting, or
/// `NULL` while it is not up, or a list of `printed` and the system's error `number` (0: it
/// was started, and has ended).
/// @noRd
#[extendr]
fn rs_pool_prepare(seconds: f64) -> Robj {
    let Ok(pool) = current() else {
        return r!(NULL);
    };
    let limit = Duration::from_secs_f64(seconds.clamp(0.0, 1e6));
    let prepared = pool.borrow_mut().prepare(limit);
    match prepared {
        Ok(true) => {
            pool.borrow().rouse();
            let greeting = pool.borrow_mut().greeting().unwrap_or_default();
            r!(String::from_utf8_lossy(&greeting).into_owned())
        }
        Ok(false) => r!(NULL),
        Err(NoServer::Ended(printed)) => list!(printed = printed, number = 0).into(),
        Err(NoServer::Refused(errno)) => {
            let words = std::io::Error::from_raw_os_error(errno).to_string();
            list!(printed = words, number = errno).into()
        }
    }
}

/// The workers of this session: a list of columns, and the `server`'s process id (0: none).
/// @noRd
#[extendr]
fn rs_pool_status() -> List {
    let Ok(pool) = current() else {
        return List::new(0);
    };
    let mut pool = pool.borrow_mut();
    pool.tidy();
    let mut members: Vec<_> = pool.members().iter().collect();
    members.sort_by_key(|m| m.number);
    let of = |f: &dyn Fn(&&rustle_workers::pool::Member) -> f64| -> Vec<f64> {
        members.iter().map(f).collect()
    };
    list!(
        worker = of(&|m| m.number as f64 + 1.0),
        pid = of(&|m| f64::from(m.pid)),
        busy = of(&|m| f64::from(u8::from(pool.is_on_duty(m)))),
        jobs = of(&|m| m.jobs as f64),
        task = of(&|m| m.task() as f64),
        tasks = of(&|m| m.tasks() as f64),
        seconds = of(&|m| m.busy().as_secs_f64()),
        losses = of(&|m| pool.losses(m.number) as f64),
        age = of(&|m| m.born.elapsed().as_secs_f64()),
        replaced = pool.replaced() as f64,
        server = pool.server_pid().unwrap_or(0),
        now = now_ns() as f64 * 1e-9
    )
}

/// The calls that the workers of this session are in, in the order of `rs_pool_status()`, a
/// string each; "": it runs no task, or has not answered within `seconds`.
/// @noRd
#[extendr]
fn rs_pool_calls(seconds: f64) -> Vec<String> {
    let Ok(pool) = current() else {
        return Vec::new();
    };
    let pool = pool.borrow();
    let mut members: Vec<_> = pool.members().iter().collect();
    members.sort_by_key(|m| m.number);
    let asked: Vec<_> = members.iter().map(|m| m.ask()).collect();
    let deadline = Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 60.0));
    loop {
        let answers = members.iter().zip(&asked);
        let answers: Vec<_> = answers
            .map(|(m, asked)| asked.map(|question| m.answer(question)))
            .collect();
        if Instant::now() >= deadline || !answers.contains(&Some(None)) {
            let text = |answer: Option<Option<String>>| answer.flatten().unwrap_or_default();
            return answers.into_iter().map(text).collect();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

extendr_module! {
    mod pool;
    fn rs_pool_calls;
    fn rs_pool_open;
    fn rs_pool_close;
    fn rs_pool_resize;
    fn rs_pool_dismiss;
    fn rs_pool_prepare;
    fn rs_pool_status;
}
