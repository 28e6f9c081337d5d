//! The program on disks that fail it: full, read-only, broken; sources that vanish while they
//! are read; signals. Each time: the exit code, a line that names the path and the way out, earlier sessions as
//! they were, and a next run that works.

mod damage;
mod disks;
mod metadata;
mod scene;
mod signals;
mod sources;
