use super::*;

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("rustle-journal-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&[0; HEAD], body].concat()
}

fn key(k: u8) -> Key {
    [k; 16]
}

fn bodies(index: &Index, keys: &[Key]) -> Vec<Option<Vec<u8>>> {
    let mut out = vec![None; keys.len()];
    index
        .bodies(keys, |k, body| out[k] = Some(body.to_vec()))
        .expect("readable");
    out
}

fn written(name: &str, n: u8) -> PathBuf {
    let path = scratch(name);
    let mut writer = Writer::create(&path).expect("new file");
    for k in 0..n {
        writer
            .append(&key(k), &mut framed(&vec![k; usize::from(k) * 3]))
            .expect("written");
    }
    writer.sync().expect("synced");
    path
}

#[test]
fn what_was_written_is_read_whatever_the_order_of_keys() {
    let path = written("read", 50);
    let index = Index::read(std::slice::from_ref(&path));
    assert_eq!((index.len(), index.torn()), (50, 0));
    let found = bodies(&index, &[key(9), key(200), key(0), key(49)]);
    assert_eq!(
        found,
        vec![Some(vec![9; 27]), None, Some(vec![]), Some(vec![49; 147])]
    );
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_file_cut_anywhere_gives_the_frames_before_the_cut() {
    let path = written("cut", 6);
    let whole = std::fs::read(&path).expect("there");
    for cut in 0..=whole.len() {
        std::fs::write(&path, &whole[..cut]).expect("written");
        let index = Index::read(std::slice::from_ref(&path));
        let mut complete = 0;
        let mut end = MAGIC.len();
        while complete < 6 && end + HEAD + complete * 3 <= cut {
            end += HEAD + complete * 3;
            complete += 1;
        }
        assert_eq!(index.len(), complete, "cut at {cut}");
        assert_eq!(
            index.torn() == 0,
            cut == end && cut >= MAGIC.len(),
            "cut at {cut}"
        );
    }
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_byte_that_is_wrong_ends_the_reading_in_front_of_its_frame() {
    let path = written("flip", 6);
    let whole = std::fs::read(&path).expect("there");
    for at in MAGIC.len()..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).expect("written");
        let index = Index::read(std::slice::from_ref(&path));
        assert!(index.len() < 6 && index.torn() == 1, "byte {at}");
    }
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_file_that_is_no_journal_holds_nothing() {
    let path = scratch("other");
    std::fs::write(&path, b"something else altogether").expect("written");
    let missing = scratch("missing");
    let index = Index::read(&[path.clone(), missing]);
    assert!(index.is_empty());
    assert_eq!(index.torn(), 2);
    let _ = std::fs::remove_file(path);
}

#[test]
fn of_two_frames_with_one_key_the_last_counts() {
    let (first, second) = (written("first", 3), scratch("second"));
    let mut writer = Writer::create(&second).expect("new file");
    writer
        .append(&key(1), &mut framed(b"newer"))
        .expect("written");
    let index = Index::read(&[first.clone(), second.clone()]);
    assert_eq!(index.len(), 3);
    assert_eq!(bodies(&index, &[key(1)]), vec![Some(b"newer".to_vec())]);
    for path in [first, second] {
        let _ = std::fs::remove_file(path);
    }
}

#[test]
fn a_journal_has_one_writer() {
    let path = written("once", 1);
    assert!(Writer::create(&path).is_err());
    let _ = std::fs::remove_file(path);
}

#[test]
fn equal_elements_have_keys_of_their_own_that_do_not_move_when_others_are_added() {
    let of = |x: &[u8]| keys(b"base", x.len(), |k, out| out.push(x[k]));
    let some = of(&[1, 2, 1, 1]);
    let unique: std::collections::HashSet<_> = some.iter().collect();
    assert_eq!(unique.len(), 4);
    assert_eq!(of(&[1, 2, 1, 1, 3])[..4], some[..]);
    assert_eq!(of(&[1, 1, 2, 1])[1], some[2]);
    assert_ne!(keys(b"other", 1, |_, out| out.push(1))[0], some[0]);
}
