//! What a check found, and what mends it.

use std::fmt;

use crate::exit::Exit;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// As it should be.
    Good,
    /// Good to know.
    Note,
    /// A backup runs, and something about it is not as it should be.
    Warning,
    /// No backup will run like this, or it will go wrong.
    Bad,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Bad => "FAILED",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How it went.
    pub(crate) verdict: Verdict,
    /// What was seen, in one line.
    pub(crate) text: String,
    /// The command that mends it, or what to do where no command does.
    pub(crate) mend: Option<String>,
}

impl Finding {
    /// The finding about a subject, for programs.
    pub(crate) fn json(&self, subject: &str) -> serde_json::Value {
        let verdict = self.verdict.word().to_ascii_lowercase();
        serde_json::json!({ "subject": subject, "verdict": verdict, "text": self.text, "mend": self.mend })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<8} {}", self.verdict.word(), self.text)?;
        self.mend.as_ref().map_or(Ok(()), |mend| writeln!(f, "         mend: {mend}"))
    }
}

/// All that was found, in the order of the checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// As it should be.
    pub(crate) fn good(&mut self, text: impl Into<String>) {
        self.0.push(Finding { verdict: Verdict::Good, text: text.into(), mend: None });
    }

    /// Good to know.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.0.push(Finding { verdict: Verdict::Note, text: text.into(), mend: None });
    }

    /// Not as it should be.
    pub(crate) fn warning(&mut self, text: impl Into<String>, mend: impl Into<String>) {
        self.0.push(Finding { verdict: Verdict::Warning, text: text.into(), mend: Some(mend.into()) });
    }

    /// It can't go on like this.
    pub(crate) fn bad(&mut self, text: impl Into<String>, mend: impl Into<String>) {
        self.0.push(Finding { verdict: Verdict::Bad, text: text.into(), mend: Some(mend.into()) });
    }

    /// All of them.
    pub(crate) fn list(&self) -> &[Finding] {
        &self.0
    }

    /// How many went so.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// 1 for what failed, 2 for warnings.
    pub(crate) fn exit(&self) -> Exit {
        let bit = |verdict, bit| if self.count(verdict) > 0 { bit } else { Exit::OK };
        bit(Verdict::Bad, Exit::ERROR) | bit(Verdict::Warning, Exit::WARNING)
    }
}
