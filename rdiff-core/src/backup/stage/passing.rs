//! Large files that pass through the system's memory and are not needed there again.
//!
//! When an image of a disk has changed, the old one is read and a new one written. Both would take the place of what others
//! keep in memory, and a system that gets its memory from a host would have to ask for that much more, which takes longer than
//! the copy itself. So what was compared is forgotten, and what was written brought to the disk soon and then forgotten, but
//! not where the encoder will read both once more, because they differ. A first version stays, for the next session reads it.

use crate::delta::Stretch;
use crate::repo::disk::{BEHIND, DiskFile, FORGET_AT_ONCE, FORGET_FROM, forget};
use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;

/// What can be forgotten of a file that is being written, and of the one that it replaces.
pub(super) struct Passing {
    is_large: bool,
    /// How far it was written when that was last looked at.
    looked: u64,
    /// What was written that the old file has too, and is on its way to the disk or soon will be,
    known: Runs,
    /// and where the old file has it.
    known_old: Runs,
}

impl Passing {
    /// For a file of `size` bytes in the place of one of `old_size`.
    pub(super) fn new(old_size: u64, size: u64) -> Self {
        let is_large = old_size > 0 && size >= FORGET_FROM;
        Self { is_large, looked: 0, known: Runs::default(), known_old: Runs::default() }
    }

    /// Is anything forgotten at all?
    pub(super) fn is_large(&self) -> bool {
        self.is_large
    }

    /// Hears that the file was written up to `end`, and what of that was `found` in the old one.
    pub(super) fn wrote(&mut self, file: &mut dyn DiskFile, old: Option<&File>, end: u64, found: &[Stretch]) {
        if !self.is_large {
            return;
        }
        for Stretch { new, old, len } in found {
            self.known.add(*new..new + len);
            self.known_old.add(*old..old + len);
        }
        if end - self.looked < FORGET_AT_ONCE {
            return;
        }
        // None of it is on the disk yet: this sends it, and forgets nothing. One call for all costs less than one for each run.
        file.forget(self.looked..end);
        self.looked = end;
        while let Some(run) = self.known.next_before(end.saturating_sub(BEHIND)) {
            file.forget(run);
        }
        // The sooner, the better: it makes room for what is read next.
        while let Some(run) = self.known_old.next_before(u64::MAX) {
            if let Some(old) = old {
                forget(old, &run);
            }
        }
    }
}

/// Parts of a file, in order.
#[derive(Default)]
struct Runs(VecDeque<Range<u64>>);

impl Runs {
    /// Adds one that follows all others.
    fn add(&mut self, range: Range<u64>) {
        match self.0.back_mut() {
            Some(last) if last.end == range.start && last.end - last.start < FORGET_AT_ONCE => {
                last.end = range.end;
            }
            _ => self.0.push_back(range),
        }
    }

    /// Takes the first one, if it ends before `end`.
    fn next_before(&mut self, end: u64) -> Option<Range<u64>> {
        if self.0.front()?.end <= end { self.0.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::attrs::Applied;
    use std::io::{self, Write};

    /// What was told to be forgotten, in MiB.
    #[derive(Default)]
    struct Told(Vec<Range<u64>>);

    impl Write for Told {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            unreachable!()
        }

        fn flush(&mut self) -> io::Result<()> {
            unreachable!()
        }
    }

    impl DiskFile for Told {
        fn write_all_at(&mut self, _: &[u8], _: u64) -> io::Result<()> {
            unreachable!()
        }

        fn set_len(&mut self, _: u64) -> io::Result<()> {
            unreachable!()
        }

        fn share_blocks_of(&mut self, _: &File) -> io::Result<bool> {
            unreachable!()
        }

        fn forget(&mut self, written: Range<u64>) {
            assert_eq!((written.start % MIB, written.end % MIB), (0, 0));
            self.0.push(written.start / MIB..written.end / MIB);
        }

        fn set_attributes(&mut self, _: &Applied<'_>) -> io::Result<()> {
            unreachable!()
        }

        fn sync(&mut self) -> io::Result<()> {
            unreachable!()
        }

        fn reader(&self) -> io::Result<File> {
            unreachable!()
        }
    }

    const MIB: u64 = 1 << 20;

    /// Writes a file of so many MiB, of which the old one has all but those.
    fn write(old: u64, size: u64, differ: Range<u64>) -> Vec<Range<u64>> {
        let (mut told, mut passing) = (Told::default(), Passing::new(old * MIB, size * MIB));
        for at in 0..size {
            let found = Stretch { new: at * MIB, old: at * MIB, len: MIB };
            let found = if differ.contains(&at) { &[][..] } else { &[found] };
            passing.wrote(&mut told, None, (at + 1) * MIB, found);
        }
        told.0
    }

    #[test]
    fn what_may_be_read_again_is_not_forgotten() {
        let told = write(100, 100, 9..17);
        let times = |at: u64| told.iter().filter(|range| range.contains(&at)).count();
        for at in 0..100 {
            // Once to be written, and once to be forgotten, if it was written long enough ago and doesn't differ.
            let want = 2 - usize::from((9..17).contains(&at) || at >= 81);
            assert_eq!(times(at), want, "{at}: {told:?}");
        }
        let first = told.iter().position(|range| *range == (0..4)).unwrap();
        let again = told.iter().rposition(|range| *range == (0..4)).unwrap();
        assert!(told[first..again].contains(&(16..20)), "{told:?}");
    }

    #[test]
    fn small_files_and_first_versions_stay() {
        assert_eq!(write(63, 63, 0..0), []);
        assert_eq!(write(0, 100, 0..0), []);
    }
}
