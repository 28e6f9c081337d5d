//! Structures that begin with their version: options that are read, and reports that are written. They get fields at
//! their end only, so what a program was built with says how many bytes it has.

use crate::progress::{Callback, rdiff_progress_fn};
use crate::status::{Failure, rdiff_status};
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// A structure that begins with its version. Implemented by `versioned!`.
///
/// # Safety
/// The type is `repr(C)`, its first field is a `u32`, the version, and it needs no destructor.
pub unsafe trait Versioned: Copy {
    /// What it is called.
    const NAME: &'static str;
    /// How many bytes it has in each version, from the first on. The last is all of it.
    const SIZES: &'static [usize];
    /// The newest version that this library speaks.
    const VERSION: u32 = Self::SIZES.len() as u32;
}

/// Options of the caller.
///
/// # Safety
/// Any bytes that C puts into it are a value of it, and so are zeros: in a new field they mean what was usual before.
pub unsafe trait Options: Versioned {
    /// The flags that are known.
    const FLAGS: u32;

    /// What its init macro sets.
    fn usual() -> Self;
    /// The flags of the caller.
    fn flags(&self) -> u32;
}

/// Options of a job that tells what it does.
pub(crate) trait JobOptions: Options {
    /// Who is told.
    fn progress(&self) -> (rdiff_progress_fn, *mut c_void);
}

/// Makes structures versioned: `report NAME, since FIELD, ...` with the first field of each version after the first, or
/// `options NAME, since ..., flags KNOWN, usual { FIELD: VALUE }` with what is not 0 in the init macro, or the same with `job`
/// for those with `progress` and `user`.
macro_rules! versioned {
    (report $name:ident $(, since $grown:ident)*) => {
        // SAFETY: `repr(C)`, its first field is `version`, and it is `Copy`.
        unsafe impl $crate::versioned::Versioned for $name {
            const NAME: &'static str = stringify!($name);
            const SIZES: &'static [usize] = &[$(std::mem::offset_of!($name, $grown),)* size_of::<$name>()];
        }
    };
    (options $name:ident $(, since $grown:ident)*, flags $flags:expr $(, usual { $field:ident: $value:expr })?) => {
        versioned!(report $name $(, since $grown)*);
        // SAFETY: all its fields are numbers and pointers, also to functions, that may be 0.
        unsafe impl $crate::versioned::Options for $name {
            const FLAGS: u32 = $flags;
            fn usual() -> Self {
                // SAFETY: as above.
                let zeros = unsafe { std::mem::zeroed() };
                Self { version: <Self as $crate::versioned::Versioned>::VERSION, $($field: $value,)? ..zeros }
            }
            fn flags(&self) -> u32 {
                self.flags
            }
        }
    };
    (job $name:ident $($rest:tt)*) => {
        versioned!(options $name $($rest)*);
        impl $crate::versioned::JobOptions for $name {
            fn progress(&self) -> ($crate::progress::rdiff_progress_fn, *mut std::ffi::c_void) {
                (self.progress, self.user)
            }
        }
    };
}
pub(crate) use versioned;

/// Options of the caller; for NULL, the usual ones.
pub(crate) unsafe fn options<T: Options>(options: *const T) -> Result<T, Failure> {
    if options.is_null() {
        return Ok(T::usual());
    }
    // SAFETY: not NULL; the version comes first in every version of a structure, and is set by its init macro.
    let size = check::<T>(unsafe { options.cast::<u32>().read() })?;
    // SAFETY: zeros are a value of it; of this version, so as many bytes are there, and any bytes are a value.
    let read = unsafe {
        let mut all = MaybeUninit::<T>::zeroed();
        options.cast::<u8>().copy_to_nonoverlapping(all.as_mut_ptr().cast(), size);
        all.assume_init()
    };
    match read.flags() & !T::FLAGS {
        0 => Ok(read),
        unknown => Err(Failure::argument(format!("{} has unknown flags {unknown:#x}", T::NAME))),
    }
}

/// What a job is asked for, and who is told.
pub(crate) struct Job<T> {
    pub(crate) options: T,
    pub(crate) callback: Callback,
}

/// Options of a job; for NULL, the usual ones.
pub(crate) unsafe fn job<T: JobOptions>(options: *const T) -> Result<Job<T>, Failure> {
    // SAFETY: passed on.
    let options = unsafe { self::options(options)? };
    let (progress, user) = options.progress();
    Ok(Job { options, callback: Callback::new(progress, user) })
}

impl<T: Options> Job<T> {
    /// Is a flag set?
    pub(crate) fn is(&self, flag: u32) -> bool {
        self.options.flags() & flag != 0
    }
}

/// Where a report goes; nothing for NULL.
pub(crate) struct Report<T> {
    place: *mut T,
    version: u32,
    size: usize,
}

/// A place for a report, which may be NULL.
pub(crate) unsafe fn report_to<T: Versioned>(report: *mut T) -> Result<Report<T>, Failure> {
    if report.is_null() {
        return Ok(Report { place: report, version: 0, size: 0 });
    }
    // SAFETY: as for options.
    let version = unsafe { report.cast::<u32>().read() };
    Ok(Report { place: report, version, size: check::<T>(version)? })
}

impl<T: Versioned> Report<T> {
    /// The version that the caller has; 0 if nobody wants to know.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Writes as much of it as the caller has room for, and leaves the version.
    pub(crate) fn set(self, report: T) {
        if self.place.is_null() {
            return;
        }
        // SAFETY: not NULL, so by the contract all of the structure of its version is there.
        unsafe {
            (&raw const report).cast::<u8>().copy_to_nonoverlapping(self.place.cast(), self.size);
            self.place.cast::<u32>().write(self.version);
        }
    }
}

/// How many bytes a structure has in this version.
fn check<T: Versioned>(version: u32) -> Result<usize, Failure> {
    let known = usize::try_from(version).ok().and_then(|v| T::SIZES.get(v.checked_sub(1)?));
    known.copied().ok_or_else(|| {
        let message = format!(
            "{} has version {version}, this library knows {}; was it set up with its init macro?",
            T::NAME,
            T::VERSION
        );
        Failure::new(rdiff_status::RDIFF_UNSUPPORTED_VERSION, message)
    })
}
