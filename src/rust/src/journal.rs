//! Journals of finished tasks, for R; see R/checkpoint-journal.R.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void, CStr};
use std::mem::MaybeUninit;
use std::path::PathBuf;

use extendr_api::prelude::*;
use rustle_journal::{keys, short_hash, Index, Key, Writer, HEAD};
use twox_hash::XxHash3_128;

use crate::ffi::{self, Sexp};
use crate::raw::{guard, routines};
use crate::refusal::{into_r, Parsed, Refusal};

thread_local! {
    /// The journal that this process writes: its path, the process that opened it (one that
    /// was forked from that has to open its own), and the file. R's main thread only.
    static OPEN: RefCell<Option<(String, u32, Writer)>> = const { RefCell::new(None) };
    /// The buffer in which frames are made, never freed: R may jump away while it is filled.
    static FRAME: Cell<*mut Vec<u8>> = Cell::new(Box::into_raw(Box::default()));
}

/// A buffer that has grown beyond this is not kept.
const FRAME_KEPT: usize = 1 << 20;

fn failed(path: &str, e: std::io::Error) -> Refusal {
    Refusal::new(
        "checkpoint",
        format!("The checkpoint {path} cannot be written: {e}."),
    )
}

/// Serializes `entry` and appends it, with `key` (raw, 16 bytes), to the journal at `path`, which
/// this process opens when it first writes to it, and closes when it writes to another. NULL, or
/// the list of a refusal. It is called after every task: no conversions, and one buffer for all.
unsafe extern "C-unwind" fn rs_journal_append(path: Sexp, key: Sexp, entry: Sexp) -> Sexp {
    // SAFETY: R code passes a string and protected objects. The buffer belongs to the thread;
    // this frame owns nothing while R serializes, as R may jump away.
    unsafe {
        let frame = FRAME.get();
        (*frame).clear();
        (*frame).resize(HEAD, 0);
        let mut stream = MaybeUninit::<ffi::OutStream>::zeroed();
        ffi::R_InitOutPStream(
            stream.as_mut_ptr(),
            frame.cast(),
            ffi::BINARY_FORMAT,
            3,
            Some(take_byte),
            Some(take_bytes),
            None,
            ffi::nil(),
        );
        ffi::R_Serialize(entry, stream.as_mut_ptr());
        guard(|| {
            let path = CStr::from_ptr(ffi::R_CHAR(ffi::STRING_ELT(path, 0)));
            let key = std::slice::from_raw_parts(ffi::RAW_RO(key), ffi::Rf_xlength(key) as usize);
            let appended = match path.to_str() {
                Ok(path) => append(path, key, &mut *frame),
                Err(e) => Err(Refusal::internal(e)),
            };
            if (*frame).capacity() > FRAME_KEPT {
                *frame = Vec::new();
            }
            match appended {
                Ok(()) => ffi::nil(),
                Err(refusal) => into_r(Err(refusal)).get().cast(),
            }
        })
    }
}

unsafe extern "C-unwind" fn take_byte(stream: *mut ffi::OutStream, c: c_int) {
    // SAFETY: `data` is the buffer of the thread.
    unsafe { (*(*stream).data.cast::<Vec<u8>>()).push(c as u8) };
}

unsafe extern "C-unwind" fn take_bytes(stream: *mut ffi::OutStream, from: *mut c_void, n: c_int) {
    // SAFETY: as above; R passes n readable bytes.
    unsafe {
        let from = std::slice::from_raw_parts(from.cast::<u8>(), n as usize);
        (*(*stream).data.cast::<Vec<u8>>()).extend_from_slice(from);
    }
}

fn append(path: &str, key: &[u8], frame: &mut [u8]) -> Parsed<()> {
    let wrong = || Refusal::internal("the key of a frame of a journal is not 16 bytes");
    let key: &Key = key.try_into().map_err(|_| wrong())?;
    let pid = std::process::id();
    OPEN.with_borrow_mut(|open| {
        if !open
            .as_ref()
            .is_some_and(|(at, by, _)| at == path && *by == pid)
        {
            let writer = Writer::create(path.as_ref()).map_err(|e| failed(path, e))?;
            *open = Some((path.to_owned(), pid, writer));
        }
        match open {
            Some((_, _, writer)) => writer.append(key, frame).map_err(|e| failed(path, e)),
            None => Ok(()),
        }
    })
}

/// Waits until what this process has written is on the disk, and closes its journal.
/// @noRd
#[extendr]
fn rs_journal_close() -> List {
    let closed = OPEN.with_borrow_mut(|open| match open.take() {
        Some((path, pid, mut writer)) if pid == std::process::id() => {
            writer.sync().map_err(|e| failed(&path, e))
        }
        _ => Ok(()),
    });
    into_r(closed.map(|()| ().into()))
}

/// Waits until what any process has written to these files is on the disk.
/// @noRd
#[extendr]
fn rs_journal_sync(paths: Vec<String>) {
    for path in paths {
        // One that cannot be opened or synced has nothing more to lose.
        let _ = std::fs::File::open(path).and_then(|file| file.sync_data());
    }
}

/// `list(bodies, count, torn)`: for every column of `wanted` (raw, 16 rows) the body that
/// journals hold for it, or NULL; how many keys they hold; how many have a torn tail.
/// @noRd
#[extendr]
fn rs_journal_read(paths: Vec<String>, wanted: Robj) -> List {
    into_r(read(&paths, &wanted))
}

fn read(paths: &[String], wanted: &Robj) -> Parsed<Robj> {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let index = Index::read(&paths);
    let wanted = wanted.as_raw_slice().unwrap_or(&[]);
    let wanted: Vec<Key> = wanted
        .chunks_exact(16)
        .filter_map(|k| k.try_into().ok())
        .collect();
    let mut bodies = List::new(wanted.len());
    let mut refused = None;
    index
        .bodies(&wanted, |k, body| {
            refused = bodies
                .set_elt(k, Raw::from_bytes(body).into())
                .err()
                .or(refused.take());
        })
        .map_err(|e| Refusal::new("checkpoint", format!("A checkpoint cannot be read: {e}.")))?;
    if let Some(e) = refused {
        return Err(Refusal::internal(e));
    }
    let (count, torn) = (index.len() as f64, index.torn() as f64);
    Ok(list!(bodies = bodies, count = count, torn = torn).into())
}

/// Keys of n tasks as a raw vector, 16 bytes each: of `base` and of the elements of `parts`, a
/// list of integer, logical, double and character vectors.
/// @noRd
#[extendr]
fn rs_task_keys(base: &str, parts: List, n: f64) -> List {
    into_r(task_keys(base, &parts, n as usize))
}

fn logical(x: Rbool) -> u8 {
    if x.is_na() {
        2
    } else {
        u8::from(x.is_true())
    }
}

/// Adds element `k` of a vector to `out`.
type Add<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

fn task_keys(base: &str, parts: &List, n: usize) -> Parsed<Robj> {
    let values: Vec<Robj> = parts.values().collect();
    let mut adds: Vec<Add<'_>> = Vec::new();
    for part in &values {
        let add: Add<'_> = if let Some(x) = part.as_integer_slice() {
            Box::new(move |k, out| out.extend(x[k].to_le_bytes()))
        } else if let Some(x) = part.as_real_slice() {
            Box::new(move |k, out| out.extend(x[k].to_bits().to_le_bytes()))
        } else if let Some(x) = part.as_logical_slice() {
            Box::new(move |k, out| out.push(logical(x[k])))
        } else if let Some(x) = part.as_str_vector() {
            Box::new(move |k, out| {
                out.push(u8::from(x[k].is_na()));
                out.extend(short_hash(x[k].as_bytes()).to_le_bytes());
                out.extend((x[k].len() as u64).to_le_bytes());
            })
        } else {
            return Err(Refusal::internal("a part of a key is no vector"));
        };
        if part.len() != n {
            return Err(Refusal::internal("a part of a key has the wrong length"));
        }
        adds.push(add);
    }
    let keys = keys(base.as_bytes(), n, |k, out| {
        adds.iter().for_each(|add| add(k, out))
    });
    Ok(Raw::from_bytes(keys.concat().as_slice()).into())
}

/// The content of an atomic vector, its attributes left out, in 32 hexadecimal digits. NULL
/// when it is none.
/// @noRd
#[extendr]
fn rs_hash_atomic(x: Robj) -> Robj {
    let mut hash = XxHash3_128::new();
    hash.write(&(x.len() as u64).to_le_bytes());
    if let Some(x) = x.as_raw_slice() {
        hash.write(b"raw");
        hash.write(x);
    } else if let Some(x) = x.as_real_slice() {
        hash.write(b"double");
        x.iter()
            .for_each(|x| hash.write(&x.to_bits().to_le_bytes()));
    } else if let Some(x) = x.as_integer_slice() {
        hash.write(b"integer");
        x.iter().for_each(|x| hash.write(&x.to_le_bytes()));
    } else if let Some(x) = x.as_logical_slice() {
        hash.write(b"logical");
        x.iter().for_each(|&x| hash.write(&[logical(x)]));
    } else if let Some(x) = x.as_str_vector() {
        hash.write(b"character");
        for x in x {
            hash.write(&[u8::from(x.is_na())]);
            hash.write(&(x.len() as u64).to_le_bytes());
            hash.write(x.as_bytes());
        }
    } else {
        return ().into();
    }
    format!("{:032x}", hash.finish_128()).into()
}

routines! {
    meta__rs_journal_append "rs_journal_append" "wrap__rs_journal_append" ("path", "key", "entry")
        => rs_journal_append;
}

extendr_module! {
    mod journal;
    fn rs_journal_append;
    fn rs_journal_close;
    fn rs_journal_sync;
    fn rs_journal_read;
    fn rs_task_keys;
    fn rs_hash_atomic;
}
