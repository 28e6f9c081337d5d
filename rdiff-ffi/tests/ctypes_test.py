"""The library as a third language sees it: no header, only what docs/c-api.md says.

    python3 ctypes_test.py LIBRARY DIRECTORY
"""

import ctypes as c
import os
import sys

lib = c.CDLL(sys.argv[1])
base = os.fsencode(sys.argv[2])
handle, text, status = c.c_void_p, c.c_char_p, c.c_int
OK, END, INVALID_HANDLE, NO_SUCH_PATH, CANCELLED = 0, 1, 3, 10, 16
NEWEST = 2**63 - 1


class Error(c.Structure):
    _fields_ = [("version", c.c_uint32), ("status", c.c_int), ("message", text), ("path", text),
                ("path_len", c.c_size_t), ("system_error", c.c_int32)]


class Entry(c.Structure):
    _fields_ = [("version", c.c_uint32), ("kind", c.c_int), ("path", text), ("path_len", c.c_size_t),
                ("size", c.c_uint64), ("mode", c.c_uint32), ("uid", c.c_uint32), ("gid", c.c_uint32)]


class Progress(c.Structure):
    _fields_ = [("version", c.c_uint32), ("event", c.c_int), ("done", c.c_int), ("session", c.c_int64),
                ("path", text), ("path_len", c.c_size_t), ("message", text), ("paths", c.c_uint64)]


progress_fn = c.CFUNCTYPE(c.c_int, c.POINTER(Progress), c.c_void_p)


class BackupOptions(c.Structure):
    _fields_ = [("version", c.c_uint32), ("flags", c.c_uint32), ("time", c.c_int64), ("rules", c.c_void_p),
                ("rule_count", c.c_size_t), ("not_compressed", text), ("user_map", text), ("group_map", text),
                ("most_deletions_percent", c.c_uint32), ("workers", c.c_uint32), ("progress", progress_fn),
                ("user", c.c_void_p)]


class BackupReport(c.Structure):
    _fields_ = [("version", c.c_uint32), ("session", c.c_int64), ("previous", c.c_int64),
                ("regressed", c.c_int64), ("problems", c.c_uint64), ("rest", c.c_uint64 * 11)]


class PurgeOptions(c.Structure):
    _fields_ = [("version", c.c_uint32), ("flags", c.c_uint32), ("progress", progress_fn), ("user", c.c_void_p)]


class PurgeReport(c.Structure):
    _fields_ = [("version", c.c_uint32), ("was_in_mirror", c.c_uint32), ("records", c.c_uint64),
                ("rewritten", c.c_uint64), ("increments", c.c_uint64)]


class SessionSize(c.Structure):
    _fields_ = [("version", c.c_uint32), ("session", c.c_int64), ("size", c.c_uint64), ("cumulative", c.c_uint64)]


class Statistics(c.Structure):
    _fields_ = [("version", c.c_uint32), ("is_known", c.c_uint32), ("session", c.c_int64), ("end_time", c.c_double),
                ("elapsed_time", c.c_double), ("source_files", c.c_uint64), ("source_file_size", c.c_uint64),
                ("rest", c.c_uint64 * 12)]


class Rule(c.Structure):
    _fields_ = [("kind", c.c_uint32), ("pattern", text), ("size", c.c_uint64)]


class Explanation(c.Structure):
    _fields_ = [("version", c.c_uint32), ("verdict", c.c_int), ("decided_at", text), ("decided_at_len", c.c_size_t),
                ("rule", c.c_size_t), ("line", c.c_size_t), ("message", text)]


explanation_fn = c.CFUNCTYPE(None, c.POINTER(Explanation), c.c_void_p)

lib.rdiff_version.restype = text
lib.rdiff_last_error.restype = c.POINTER(Error)
lib.rdiff_sessions_count.restype = c.c_size_t
lib.rdiff_sessions_count.argtypes = [handle]
lib.rdiff_open_handles.restype = c.c_size_t
for name, arguments in {
    "rdiff_backup": [text, text, c.POINTER(BackupOptions), c.POINTER(BackupReport)],
    "rdiff_repository_open": [text, c.POINTER(handle)],
    "rdiff_repository_free": [handle],
    "rdiff_repository_sessions": [handle, c.POINTER(handle)],
    "rdiff_sessions_get": [handle, c.c_size_t, c.POINTER(c.c_int64)],
    "rdiff_sessions_free": [handle],
    "rdiff_entries_open": [handle, c.c_int64, text, c.POINTER(handle)],
    "rdiff_entries_next": [handle, c.POINTER(c.POINTER(Entry))],
    "rdiff_entries_open_file": [handle, c.POINTER(handle)],
    "rdiff_entries_free": [handle],
    "rdiff_file_open": [handle, c.c_int64, text, c.POINTER(handle)],
    "rdiff_file_read": [handle, c.c_void_p, c.c_size_t, c.POINTER(c.c_size_t)],
    "rdiff_file_close": [handle],
    "rdiff_restore": [handle, text, c.c_void_p, c.c_void_p],
    "rdiff_verify": [handle, c.c_void_p, c.c_void_p],
    "rdiff_regress": [handle, c.c_void_p, c.c_void_p],
    "rdiff_source_open": [text, c.c_void_p, c.POINTER(handle)],
    "rdiff_source_free": [handle],
    "rdiff_sizes_open": [handle, text, c.POINTER(handle)],
    "rdiff_sizes_next": [handle, c.POINTER(c.POINTER(SessionSize))],
    "rdiff_sizes_free": [handle],
    "rdiff_session_statistics": [handle, c.c_int64, c.POINTER(Statistics)],
    "rdiff_repository_in_use_by": [handle, text, c.c_size_t, c.POINTER(c.c_size_t)],
    "rdiff_explain_session": [handle, c.c_int64, text, text, text, c.POINTER(Rule), c.c_size_t, explanation_fn, c.c_void_p],
    "rdiff_backup_source": [handle, text, c.POINTER(BackupOptions), c.POINTER(BackupReport)],
    "rdiff_purge": [handle, text, c.POINTER(PurgeOptions), c.POINTER(PurgeReport)],
    "rdiff_remove_older_than": [handle, c.c_int64, c.c_void_p, c.c_void_p],
}.items():
    function = getattr(lib, name)
    function.argtypes = arguments
    function.restype = status


class Failed(Exception):
    pass


def call(name, *arguments):
    got = getattr(lib, name)(*arguments)
    if got not in (OK, END):
        error = lib.rdiff_last_error().contents
        assert error.status == got
        raise Failed(got, error.message.decode(), error.path)
    return got


def opened(name, *arguments):
    made = handle()
    call(name, *arguments, c.byref(made))
    return made


def read(file):
    buffer, count, content = c.create_string_buffer(1000), c.c_size_t(), b""
    while True:
        call("rdiff_file_read", file, buffer, len(buffer), c.byref(count))
        if count.value == 0:
            lib.rdiff_file_close(file)
            return content
        content += buffer.raw[: count.value]


source, target = base + b"/source", base + b"/reposit\xf6ry"
os.mkdir(source)
odd = b"not text \xff"
versions = [b"first\n" * 3000, b"second\n" * 3000]
seen = []


@progress_fn
def watch(progress, user):
    if progress.contents.event == 1:
        seen.append(progress.contents.path)
    return 0


for i, content in enumerate(versions):
    with open(source + b"/" + odd, "wb") as f:
        f.write(content)
    options, report = BackupOptions(version=1, time=1700000000 + i, progress=watch), BackupReport(version=1)
    call("rdiff_backup", source, target, c.byref(options), c.byref(report))
    assert report.session == 1700000000 + i and report.problems == 0
assert seen.count(odd) == 2, seen

repo = opened("rdiff_repository_open", target)
sessions = opened("rdiff_repository_sessions", repo)
assert lib.rdiff_sessions_count(sessions) == 2
oldest = c.c_int64()
call("rdiff_sessions_get", sessions, 0, c.byref(oldest))
lib.rdiff_sessions_free(sessions)

for at, content in zip([oldest.value, NEWEST], versions):
    assert read(opened("rdiff_file_open", repo, at, odd)) == content
    entries, entry, found = opened("rdiff_entries_open", repo, at, None), c.POINTER(Entry)(), {}
    while call("rdiff_entries_next", entries, c.byref(entry)) == OK:
        shown = entry.contents
        is_file = shown.kind == 0
        found[shown.path] = read(opened("rdiff_entries_open_file", entries)) if is_file else None
    lib.rdiff_entries_free(entries)
    assert found == {b"": None, odd: content}, found

try:
    opened("rdiff_file_open", repo, NEWEST, b"missing \xfe")
    raise SystemExit("a missing path was opened")
except Failed as e:
    assert e.args[0] == NO_SUCH_PATH and e.args[2] == b"missing \xfe", e

call("rdiff_restore", repo, base + b"/restored", None, None)
with open(base + b"/restored/" + odd, "rb") as f:
    assert f.read() == versions[1]
call("rdiff_verify", repo, None, None)

# What the sessions take, and what they did.
sizes, size, sized = opened("rdiff_sizes_open", repo, odd), c.POINTER(SessionSize)(), []
while call("rdiff_sizes_next", sizes, c.byref(size)) == OK:
    sized.append((size.contents.session, size.contents.size, size.contents.cumulative))
lib.rdiff_sizes_free(sizes)
assert [s[0] for s in sized] == [1700000000, 1700000001] and sized[1][1:] == (len(versions[1]),) * 2, sized
assert sized[0][1] > 0 and sized[0][2] == sized[0][1] + sized[1][1], sized
statistics = Statistics(version=1)
call("rdiff_session_statistics", repo, 1700000000, c.byref(statistics))
assert statistics.is_known and statistics.session == 1700000000, statistics.session
assert (statistics.source_files, statistics.source_file_size) == (2, len(versions[0]))
length = c.c_size_t(7)
call("rdiff_repository_in_use_by", repo, None, 0, c.byref(length))
assert length.value == 0

# Why a path is left out.
told = []


@explanation_fn
def explained(explanation, user):
    e = explanation.contents
    told.append((e.verdict, e.decided_at, e.rule, e.message))


rules = (Rule * 2)(Rule(14, None, 10**6), Rule(2, b"/t/not*", 0))
call("rdiff_explain_session", repo, NEWEST, None, b"/t", odd, rules, 2, explained, None)
assert told == [(1, odd, 2, b"excluded by rule 2: exclude /t/not*")], told

# A handle of another kind is no accident.
try:
    call("rdiff_sizes_next", repo, c.byref(size))
    raise SystemExit("a repository was taken for a cursor")
except Failed as e:
    assert e.args[0] == INVALID_HANDLE, e

# Stopped in the midst, and undone.
for i in range(600):
    with open(source + b"/%d" % i, "wb"):
        pass
stop = progress_fn(lambda progress, user: progress.contents.paths > 10)
options = BackupOptions(version=1, time=1700000009, progress=stop)
try:
    call("rdiff_backup", source, target, c.byref(options), None)
    raise SystemExit("it was not stopped")
except Failed as e:
    assert e.args[0] == CANCELLED and e.args[1].encode() == b"stopped on request at " + e.args[2], e
call("rdiff_regress", repo, None, None)
assert os.listdir(target) != [] and not os.path.exists(target + b"/0")
call("rdiff_remove_older_than", repo, 1700000001, None, None)

# An open source, first without writing; then a path goes out of all sessions.
opened_source = opened("rdiff_source_open", source, None)
options, report = BackupOptions(version=1, flags=16384, time=1700000010), BackupReport(version=1)
call("rdiff_backup_source", opened_source, target, c.byref(options), c.byref(report))
assert report.session == -(2**63) and not os.path.exists(target + b"/0"), report.session
lib.rdiff_source_free(opened_source)
purged = PurgeReport(version=1)
call("rdiff_purge", repo, odd, c.byref(PurgeOptions(version=1, flags=4)), c.byref(purged))
assert purged.was_in_mirror == 1 and os.path.exists(target + b"/" + odd)
call("rdiff_purge", repo, odd, None, None)
assert not os.path.exists(target + b"/" + odd)
sessions = opened("rdiff_repository_sessions", repo)
assert lib.rdiff_sessions_count(sessions) == 1
lib.rdiff_sessions_free(sessions)
lib.rdiff_repository_free(repo)
assert lib.rdiff_open_handles() == 0
print("well", lib.rdiff_version().decode())
