//! Time zones.

use super::civil::Civil;

/// The rules of a time zone. A value, so that nothing here depends on the state of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// Universal time.
    pub fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    /// The machine's zone: `$TZ`, else `/etc/localtime`, else universal time.
    pub fn system() -> Self {
        let zone = Self::of_machine().or_else(|| jiff::tz::TimeZone::try_system().ok());
        Self(zone.unwrap_or(jiff::tz::TimeZone::UTC))
    }

    /// The zone that `/etc/localtime` links to, where `$TZ` says nothing. The library would list all zones of the
    /// machine first, which is most of the time that a short run takes.
    fn of_machine() -> Option<jiff::tz::TimeZone> {
        if std::env::var_os("TZ").is_some() {
            return None;
        }
        let file = std::fs::canonicalize("/etc/localtime").ok()?;
        let (_, name) = file.to_str()?.split_once("/zoneinfo/")?;
        jiff::tz::TimeZone::tzif(name, &std::fs::read(&file).ok()?).ok()
    }

    /// The zone of a name such as `Europe/Berlin`, or nothing if the machine doesn't know it.
    pub fn named(name: &str) -> Option<Self> {
        jiff::tz::TimeZone::get(name).ok().map(Self)
    }

    /// The name of the zone; nothing for one that is known by its rules only.
    pub fn name(&self) -> Option<&str> {
        if *self == Self::utc() { Some("UTC") } else { self.0.iana_name() }
    }

    /// Seconds to add to universal time for local time at that instant.
    pub fn offset_at(&self, epoch: i64) -> i64 {
        jiff::Timestamp::from_second(epoch).map_or(0, |t| i64::from(self.0.to_offset(t).seconds()))
    }

    /// The instant at which local clocks show this; the earlier one if they show it twice. In the hour that they skip in
    /// spring it is what it had been without that, as `mktime` has it: 02:30 is half an hour after 02:00.
    pub(super) fn instant_of(&self, civil: &Civil) -> i64 {
        let local = civil.seconds();
        let guess = local - self.offset_at(local);
        let ways = [guess, local - self.offset_at(guess)];
        let is_shown = |&t: &i64| t + self.offset_at(t) == local;
        ways.into_iter().filter(is_shown).min().unwrap_or(ways[0].max(ways[1]))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Zone {
    /// As its name; `system` for one without.
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.name().unwrap_or("system"))
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = <String as serde::Deserialize>::deserialize(from)?;
        let unknown = || serde::de::Error::custom(format!("this machine knows no time zone {name}"));
        match name.as_str() {
            "system" => Ok(Self::system()),
            "UTC" => Ok(Self::utc()),
            name => Self::named(name).ok_or_else(unknown),
        }
    }
}
