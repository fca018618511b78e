//! Operations on slices, element by element.

use super::arith::arith_d;
use super::{Bail, Host, LENGTHS, LONG, LONGEST, OUTSIDE};
use crate::code::Arith;

/// The length of element-wise results.
pub(super) fn common(a: usize, b: usize) -> Result<usize, Bail> {
    let (least, most) = (a.min(b), a.max(b));
    if least == 0 {
        Ok(0)
    } else if most % least == 0 {
        Ok(most)
    } else {
        // R warns.
        Err(LENGTHS)
    }
}

/// Element by element, the shorter one again and again.
pub(super) fn each<A: Copy, B>(
    out: &mut Vec<B>,
    x: &[A],
    y: &[A],
    f: impl Fn(A, A) -> Result<B, Bail>,
) -> Result<(), Bail> {
    let n = common(x.len(), y.len())?;
    out.reserve(n);
    if x.len() == y.len() {
        for (x, y) in x.iter().zip(y) {
            out.push(f(*x, *y)?);
        }
        return Ok(());
    }
    for (x, y) in x.iter().cycle().zip(y.iter().cycle()).take(n) {
        out.push(f(*x, *y)?);
    }
    Ok(())
}

pub(super) fn doubles(
    out: &mut Vec<f64>,
    how: Arith,
    x: &[f64],
    y: &[f64],
    host: &Host,
) -> Result<(), Bail> {
    match how {
        Arith::Add => each(out, x, y, |x, y| Ok(x + y)),
        Arith::Sub => each(out, x, y, |x, y| Ok(x - y)),
        Arith::Mul => each(out, x, y, |x, y| Ok(x * y)),
        Arith::Div => each(out, x, y, |x, y| Ok(x / y)),
        how => each(out, x, y, |x, y| arith_d(how, x, y, host)),
    }
}

/// Of so many elements those that negative numbers leave, as a mask.
fn all_but(n: usize, numbers: &[i32]) -> Result<Vec<i32>, Bail> {
    let mut kept = vec![1; n];
    for number in numbers {
        if *number >= 0 {
            return Err(OUTSIDE);
        }
        if let Some(kept) = kept.get_mut(number.unsigned_abs() as usize - 1) {
            *kept = 0;
        }
    }
    Ok(kept)
}

/// Elements by numbers, all positive, or all negative (those are left out).
pub(super) fn pick<T: Copy>(out: &mut Vec<T>, x: &[T], numbers: &[i32]) -> Result<(), Bail> {
    if numbers.first().is_some_and(|first| *first < 0) {
        return filter(out, x, &all_but(x.len(), numbers)?);
    }
    let at = |number: &i32| (*number as usize).wrapping_sub(1);
    if !numbers.iter().all(|number| at(number) < x.len()) {
        // Zeros choose nothing.
        let chosen = || numbers.iter().filter(|number| **number != 0);
        if !chosen().all(|number| at(number) < x.len()) {
            return Err(OUTSIDE);
        }
        out.extend(chosen().map(|number| x[at(number)]));
        return Ok(());
    }
    out.extend(numbers.iter().map(|number| x[at(number)]));
    Ok(())
}

pub(super) fn filter<T: Copy>(out: &mut Vec<T>, x: &[T], mask: &[i32]) -> Result<(), Bail> {
    // A shorter one is used again and again.
    if x.len() < mask.len() {
        return Err(LENGTHS);
    }
    out.extend(
        x.iter()
            .zip(mask.iter().cycle())
            .filter(|(_, keep)| **keep != 0)
            .map(|(x, _)| *x),
    );
    Ok(())
}

pub(super) fn assign<T: Copy>(
    to: &mut [T],
    at: &[i32],
    from: &[T],
    mask: bool,
) -> Result<(), Bail> {
    if !mask && at.first().is_some_and(|first| *first < 0) {
        return assign(to, &all_but(to.len(), at)?, from, true);
    }
    let count = if mask {
        if at.len() != to.len() {
            return Err(LENGTHS);
        }
        at.iter().filter(|keep| **keep != 0).count()
    } else {
        at.len()
    };
    if count == 0 {
        return Ok(());
    }
    if from.is_empty() || count % from.len() != 0 {
        return Err(LENGTHS);
    }
    let mut values = from.iter().cycle();
    for (k, at) in at.iter().enumerate() {
        let place = if !mask {
            (*at as usize).wrapping_sub(1)
        } else if *at != 0 {
            k
        } else {
            continue;
        };
        if let (Some(to), Some(value)) = (to.get_mut(place), values.next()) {
            *to = *value;
        } else {
            return Err(OUTSIDE);
        }
    }
    Ok(())
}

pub(super) fn drop_one<T: Copy>(out: &mut Vec<T>, x: &[T], number: i32) -> Result<(), Bail> {
    if number < 1 {
        return Err(OUTSIDE);
    }
    let at = number as usize - 1;
    out.extend(
        x.iter()
            .enumerate()
            .filter(|(k, _)| *k != at)
            .map(|(_, x)| *x),
    );
    Ok(())
}

pub(super) fn choose<T: Copy>(
    out: &mut Vec<T>,
    test: &[i32],
    yes: &[T],
    no: &[T],
) -> Result<(), Bail> {
    if test.is_empty() || yes.is_empty() || no.is_empty() {
        return Err(LENGTHS);
    }
    out.extend(test.iter().enumerate().map(|(k, test)| {
        if *test != 0 {
            yes[k % yes.len()]
        } else {
            no[k % no.len()]
        }
    }));
    Ok(())
}

pub(super) fn repeat<T: Copy>(
    out: &mut Vec<T>,
    x: &[T],
    count: i32,
    total: bool,
) -> Result<(), Bail> {
    let count = usize::try_from(count).map_err(|_| LENGTHS)?;
    let n = if total {
        count
    } else {
        count.checked_mul(x.len()).ok_or(LONG)?
    };
    if n > LONGEST {
        return Err(LONG);
    }
    if x.is_empty() && n > 0 {
        return Err(LENGTHS);
    }
    out.extend(x.iter().cycle().take(n));
    Ok(())
}

/// Each element as often as its number says; with one number all of them so often.
pub(super) fn repeat_each<T: Copy>(out: &mut Vec<T>, x: &[T], times: &[i32]) -> Result<(), Bail> {
    if let [all] = times {
        return repeat(out, x, *all, false);
    }
    if x.len() != times.len() {
        return Err(LENGTHS);
    }
    for (x, n) in x.iter().zip(times) {
        let n = usize::try_from(*n).map_err(|_| LENGTHS)?;
        if n > LONGEST - out.len() {
            return Err(LONG);
        }
        out.extend(std::iter::repeat_n(*x, n));
    }
    Ok(())
}

pub(super) fn length(n: i32) -> Result<usize, Bail> {
    usize::try_from(n)
        .ok()
        .filter(|n| *n <= LONGEST)
        .ok_or(LONG)
}
