//! What can be wrong with a location.

/// Why a text is no location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// Nothing was given.
    #[error("the location is empty")]
    Empty,
    /// A NUL byte, which no path can hold.
    #[error("location '{text}' holds a NUL byte")]
    Nul {
        /// The location as given.
        text: String,
    },
    /// More than one `::`.
    #[error(
        "too many '::' in '{text}'; write '\\::' for those that belong to a name, or './…' if all of it is a local path"
    )]
    TooManyParts {
        /// The location as given.
        text: String,
    },
    /// `::path`.
    #[error("no host before '::' in '{text}'; a local path that begins so is written './::…'")]
    NoHost {
        /// The location as given.
        text: String,
    },
    /// `host::`.
    #[error("no path after the host in '{text}'; write '{text}.' for the login directory")]
    NoPath {
        /// The location as given.
        text: String,
    },
    /// A host that `ssh` must not see.
    #[error("'{host}' is not a host name: {why}; a local path with '::' is written './…::…'")]
    BadHost {
        /// The part before the path.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A user that `ssh` must not see.
    #[error("'{user}' is not a user name: {why}")]
    BadUser {
        /// The part before the `@`.
        user: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A port that is no number from 1 to 65535.
    #[error("'{port}' is not a port; it is a number from 1 to 65535")]
    BadPort {
        /// The part after the colon.
        port: String,
    },
    /// A `%` that no two hexadecimal digits follow, in an `ssh://` location.
    #[error("bad percent-encoding in '{text}'; a '%' itself is written '%25'")]
    BadPercent {
        /// The part that does not decode.
        text: String,
    },
}
