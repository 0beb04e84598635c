//! Processor time from /proc.

use std::{collections::BTreeMap, fs};

use super::Counts;

/// A tick of /proc/PID/stat: USER_HZ is 100 on every Linux that we run on.
const TICK_MS: u64 = 10;

/// A line of /proc/PID/stat, as far as it is of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its program.
    pub name: String,
    /// Who started it.
    pub parent: u32,
    /// Processor time of itself and of the children that have ended, in ticks.
    ticks: u64,
}

impl Process {
    /// The name stands in brackets and may hold anything, so the fields are counted from the last bracket.
    fn parse(stat: &str) -> Option<Self> {
        let (pid, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // proc(5): state is field 3, ppid 4, utime to cstime 14 to 17.
        let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>());
        Some(Self {
            pid: pid.parse().ok()?,
            name: name.to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            ticks: ticks.sum::<Result<u64, _>>().ok()?,
        })
    }
}

/// All processes of this machine.
pub fn all() -> Vec<Process> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    let stat = |entry: fs::DirEntry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        Process::parse(&fs::read_to_string(entry.path().join("stat")).ok()?)
    };
    folder.filter_map(|entry| stat(entry.ok()?)).collect()
}

/// A process and all below it.
pub fn descendants(all: &[Process], root: u32) -> Vec<&Process> {
    let mut found: Vec<&Process> = all.iter().filter(|process| process.pid == root).collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.pid) {
        found.extend(all.iter().filter(|process| process.parent == parent));
        next += 1;
    }
    found
}

/// Milliseconds by name, each process with all below it.
pub fn cpu(pids: &[(String, u32)]) -> Counts {
    let all = all();
    let mut by_name = BTreeMap::new();
    for (name, pid) in pids {
        let ticks: u64 = descendants(&all, *pid).iter().map(|process| process.ticks).sum();
        *by_name.entry(name.clone()).or_default() += ticks * TICK_MS;
    }
    by_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_is_read() {
        let stat = "42 (a) b) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 9 0 55";
        let read = Process::parse(stat).unwrap();
        assert_eq!(read, Process { pid: 42, name: "a) b".into(), parent: 7, ticks: 124 });
    }

    #[test]
    fn grandchildren_count() {
        let process = |pid, parent| Process { pid, name: String::new(), parent, ticks: 1 };
        let all = [process(1, 0), process(2, 1), process(3, 2), process(4, 0)];
        let pids: Vec<u32> = descendants(&all, 1).iter().map(|process| process.pid).collect();
        assert_eq!(pids, [1, 2, 3]);
    }
}
