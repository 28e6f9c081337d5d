#!/usr/bin/env python3
"""Makes the golden repositories of this directory with the real rdiff-backup.

    make.py OUTPUT [NAME...]        as root, on a file system with ACLs, xattrs and devices (ext4)

For each name it writes NAME.tar.xz (the repository, as `repo/`) and NAME/EPOCH.manifest, one for each
session: what the *source tree* was then, read from the tree itself and not from any backup.
README.md describes the manifest format. Committed repositories are never made again: tests may rely on
every byte of them. Add a new name instead.
"""
import hashlib
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile

START = 1_700_000_000       # 2023-11-14T22:13:20Z
DAY = 86_400
MTIME = 1_600_000_000
REPOSITORIES = {}


# ---- manifests

def percent(data):
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+-"
    return "".join(chr(b) if b in safe else "%%%02X" % b for b in os.fsencode(data))


def kind_fields(full, st):
    """type=..., and the fields that only this type has"""
    if stat.S_ISREG(st.st_mode):
        with open(full, "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        return ["type=reg", "size=%d" % st.st_size, "sha256=" + digest]
    if stat.S_ISLNK(st.st_mode):
        return ["type=sym", "target=" + percent(os.readlink(full))]
    if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        name = "chr" if stat.S_ISCHR(st.st_mode) else "blk"
        return ["type=" + name, "device=%d,%d" % (os.major(st.st_rdev), os.minor(st.st_rdev))]
    if stat.S_ISDIR(st.st_mode):
        return ["type=dir"]
    return ["type=fifo" if stat.S_ISFIFO(st.st_mode) else "type=sock"]


def xattr_fields(full):
    acls = {"system.posix_acl_access": "acl", "system.posix_acl_default": "default-acl"}
    fields = []
    for name in sorted(os.listxattr(full, follow_symlinks=False), key=os.fsencode):
        value = os.getxattr(full, name, follow_symlinks=False).hex()
        if name in acls:
            fields.append("%s=%s" % (acls[name], value))
        elif name != "security.selinux":
            fields.append("xattr=%s:%s" % (percent(name), value))
    return fields


def walk(top, rel=b"."):
    """Relative paths in the order of their components; the root is `.`"""
    yield rel
    full = os.path.join(top, rel)
    if stat.S_ISDIR(os.lstat(full).st_mode):
        for name in sorted(os.listdir(full)):
            yield from walk(top, name if rel == b"." else rel + b"/" + name)


def manifest(top):
    """The lines of a manifest of the tree at `top`"""
    top = os.fsencode(top)
    paths = list(walk(top))
    stats = {p: os.lstat(os.path.join(top, p)) for p in paths}
    inodes = [(s.st_dev, s.st_ino) for s in stats.values() if not stat.S_ISDIR(s.st_mode)]
    groups = {}
    for path, st in stats.items():
        full, ns = os.path.join(top, path), st.st_mtime_ns
        fields = ["path=" + percent(path)] + kind_fields(full, st)
        fields += ["mode=%04o" % stat.S_IMODE(st.st_mode), "uid=%d" % st.st_uid, "gid=%d" % st.st_gid]
        fields += ["mtime=%d" % (ns // 10**9), "ns=%d" % (ns % 10**9)]
        inode = (st.st_dev, st.st_ino)
        if inodes.count(inode) > 1:
            fields.append("link=%d" % groups.setdefault(inode, len(groups) + 1))
        yield " ".join(fields + xattr_fields(full)) + "\n"


# ---- source trees

def acl(*entries):
    """The kernel's form of an ACL: entries are (tag, permissions[, id])"""
    tags = {"user": 2, "group": 8, "mask": 16, "owner": 1, "owning": 4, "other": 32}
    ids = [(tags[e[0]], e[1], e[2] if len(e) > 2 else 0xFFFFFFFF) for e in entries]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in sorted(ids))


def bulk(seed, length):
    """Bytes that look random and are always the same"""
    out = b""
    while len(out) < length:
        out += hashlib.sha256(b"%d %d" % (seed, len(out))).digest()
    return out[:length]


class Tree:
    """A source tree; every change stamps its path and the directory it is in."""

    def __init__(self, top):
        self.top, self.clock = os.fsencode(top), MTIME
        os.mkdir(top, 0o755)
        self.stamp(b".")

    def at(self, path):
        return os.path.join(self.top, os.fsencode(path))

    def stamp(self, path, mtime=None, ns=0):
        self.clock += 7
        when = (self.clock if mtime is None else mtime) * 10**9 + ns
        os.utime(self.at(path), ns=(when, when), follow_symlinks=False)

    def done(self, path, mode=None, owner=None, mtime=None, ns=0):
        """Owner, then mode, then times: the order in which they survive each other"""
        full = self.at(path)
        if owner:
            os.chown(full, *owner, follow_symlinks=False)
        if mode is not None:
            os.chmod(full, mode)
        parent = os.path.dirname(full)
        if len(parent) >= len(self.top):
            self.stamp(os.path.relpath(parent, self.top))
        self.stamp(path, mtime, ns)

    def file(self, path, data=b"content\n", mode=0o644, **kw):
        """Makes or rewrites a file; an existing one keeps its inode, hence its links"""
        with open(self.at(path), "wb") as f:
            f.write(data)
        self.done(path, mode, **kw)

    def dir(self, path, mode=0o755, **kw):
        os.mkdir(self.at(path))
        self.done(path, mode, **kw)

    def sym(self, path, target=b"target", **kw):
        os.symlink(target, self.at(path))
        self.done(path, **kw)

    def fifo(self, path, mode=0o644, **kw):
        os.mkfifo(self.at(path))
        self.done(path, mode, **kw)

    def sock(self, path, mode=0o755, **kw):
        here = os.open(os.path.dirname(self.at(path)), os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as s:        # through /proc: the name may be over 108 bytes
            s.bind(b"/proc/self/fd/%d/%s" % (here, os.path.basename(self.at(path))))
        os.close(here)
        self.done(path, mode, **kw)

    def dev(self, path, kind, major, minor, mode=0o600, **kw):
        bit = stat.S_IFCHR if kind == "chr" else stat.S_IFBLK
        os.mknod(self.at(path), bit | mode, os.makedev(major, minor))
        self.done(path, mode, **kw)

    def link(self, old, new):
        os.link(self.at(old), self.at(new))
        self.done(new)

    def xattr(self, path, name, value):
        os.setxattr(self.at(path), name, value, follow_symlinks=False)

    def acl(self, path, *entries):
        self.xattr(path, "system.posix_acl_access", acl(*entries))

    def default_acl(self, path, *entries):
        self.xattr(path, "system.posix_acl_default", acl(*entries))

    def remove(self, path):
        full = self.at(path)
        shutil.rmtree(full) if os.path.isdir(full) and not os.path.islink(full) else os.unlink(full)
        self.stamp(os.path.dirname(os.fsencode(path)) or b".")

    def rename(self, old, new):
        os.rename(self.at(old), self.at(new))
        self.stamp(os.path.dirname(os.fsencode(old)) or b".")
        self.stamp(os.path.dirname(os.fsencode(new)) or b".")

    def make(self, path, kind, n=0):
        """Anything of this kind, for the tests of type changes"""
        if kind == "reg":
            self.file(path, b"file %d\n" % n * 5)
        elif kind == "dir":
            self.dir(path)
            self.file(os.fsencode(path) + b"/inside", b"inside %d\n" % n)
        elif kind in ("chr", "blk"):
            self.dev(path, kind, 1, 3 + n % 5)
        elif kind:
            {"sym": self.sym, "fifo": self.fifo, "sock": self.sock}[kind](path)


# ---- running the real program

# kills the program at the n-th event that fits; with n = 0 every such event fails instead
TROUBLE = r"""
import os, re, sys
event, pattern, left = sys.argv[1], re.compile(os.fsencode(sys.argv[2])), [int(sys.argv[3])]
del sys.argv[1:4]
def hook(name, args):
    if name == event and any(isinstance(a, (str, bytes)) and pattern.search(os.fsencode(a)) for a in args):
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
        if left[0] < 0:
            raise PermissionError(13, "Permission denied")
sys.addaudithook(hook)
sys.argv[0] = "rdiff-backup"
from rdiffbackup.run import main
main()
"""


class Maker:
    """One golden repository in the making"""

    def __init__(self, name, work, out):
        self.name, self.out, self.repo = name, out, os.path.join(work, "repo")
        self.tree, self.now = Tree(os.path.join(work, "source")), START - DAY
        self.program = shutil.which("rdiff-backup") or sys.exit("rdiff-backup is not installed")
        os.makedirs(os.path.join(out, name), exist_ok=True)

    def run(self, *words, zone="UTC", trouble=None, status=0):
        """Runs the program; `trouble` is (audit event, regexp of its argument, count), see TROUBLE"""
        program = [self.program]
        if trouble:
            with open(self.program) as f:
                program = f.readline()[2:].split() + ["-c", TROUBLE, *map(str, trouble)]
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        env = {"PATH": path, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "TZ": zone}
        r = subprocess.run(program + list(words), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if r.returncode != (9 if trouble and trouble[2] else status):
            sys.exit("%s: %s: status %d\n%s" % (self.name, words, r.returncode, r.stdout.decode()))
        said = [x for x in r.stdout.decode("utf-8", "replace").splitlines() if "WARNING" in x]
        if said:
            print("\n".join("%s: %d: %s" % (self.name, self.now, x) for x in said), flush=True)

    def session(self, at=None, options=(), action=(), zone="UTC", trouble=None):
        """Backs the tree up, a day after the previous session, and writes the manifest of it"""
        self.now = self.now + DAY if at is None else at
        words = ["--current-time", str(self.now), *options, "backup", *action]
        source = os.fsdecode(self.tree.top)
        self.run(*words, source, self.repo, zone=zone, trouble=trouble)
        if not trouble:
            self.write(self.now, manifest(source))

    def write(self, what, lines):
        with open(os.path.join(self.out, self.name, "%s.manifest" % what), "w") as f:
            f.writelines(lines)

    def pack(self):
        """Tar cannot hold sockets: they get a manifest of their own"""
        words = ["tar", "--create", "--xz", "--file", os.path.join(self.out, self.name + ".tar.xz")]
        words += ["--sort=name", "--numeric-owner", "--sparse", "--acls", "--xattrs", "--xattrs-include=*"]
        parent, name = os.path.split(self.repo)
        r = subprocess.run(words + ["--directory", parent, name], stderr=subprocess.PIPE, text=True)
        said = [x for x in r.stderr.splitlines() if "socket ignored" not in x]
        if r.returncode or said:
            sys.exit("%s: tar: %s" % (self.name, "\n".join(said)))
        sockets = [x for x in manifest(self.repo) if " type=sock " in x]
        if sockets:
            self.write("sockets", sockets)


def golden(make):
    REPOSITORIES[make.__name__.replace("_", "-")] = make
    return make


# ---- the repositories

@golden
def types(r):
    """Every file type: made, changed in attributes, changed in itself, removed"""
    t, kinds = r.tree, ["reg", "dir", "sym", "fifo", "sock", "chr", "blk"]
    t.file("empty", b"")
    t.file("big", bulk(1, 30_000))
    for k in kinds:
        for n, fate in enumerate(["same", "attributes", "changed", "removed"]):
            t.make("%s-%s" % (k, fate), k, n)
    r.session()
    for k in kinds:
        t.done(k + "-attributes", None if k == "sym" else 0o700, owner=(1234, 4321))
    for k in kinds:
        t.remove(k + "-removed")
        t.make(k + "-new", k, 5)
    t.remove("sym-changed")
    t.sym("sym-changed", b"another\n\\target \xff")
    for k in ("chr", "blk"):
        t.remove(k + "-changed")
        t.dev(k + "-changed", k, 300, 1000)
    t.file("reg-changed", b"something else\n")
    t.file("dir-changed/more", b"more\n")
    t.file("big", bulk(1, 20_000) + b"inserted" + bulk(1, 30_000)[20_000:])
    r.session()
    t.file("empty", b"no more\n")
    t.file("big", b"")
    r.session()


@golden
def hard_links(r):
    """Groups made, grown, broken, and robbed of their first member"""
    t = r.tree
    t.dir("d")
    for g in "abcde":
        t.file(g + "1", b"group %s\n" % g.encode() * 20)
    for g in "abcd":
        t.link(g + "1", "d/%s2" % g)
        t.link(g + "1", "%s3" % g)
    os.link(t.at("b1"), os.path.join(os.path.dirname(r.repo), "elsewhere"))
    r.session()
    t.remove("a1")                              # the first goes, the rest stay linked
    t.file("b3", b"group b has new content\n")  # all members change
    t.remove("c3")                              # broken: equal content, inode of its own
    t.file("c3", b"group c\n" * 20)
    t.link("e1", "d/e2")                        # made of a single file
    r.session()
    t.remove("d/d2")
    t.rename("d3", "d/z")
    t.link("b1", "b0")                          # a new first member
    t.remove("e1")                              # a group shrinks to one
    r.session()
    t.remove("a3")
    t.link("b1", "a3")                          # from one group into another
    r.session()


@golden
def acls_xattrs(r):
    """ACLs, default ACLs and xattrs of several namespaces: made, changed, removed"""
    t = r.tree
    named = [("owner", 6), ("user", 4, 1), ("user", 7, 54321), ("owning", 4), ("group", 6, 12345), ("mask", 6), ("other", 0)]
    default = [("owner", 7), ("user", 5, 1), ("owning", 5), ("mask", 7), ("other", 1)]
    for name in ("acl", "acl-removed", "xattr", "capability", "trusted", "all", "unlisted"):
        t.file(name, name.encode() + b"\n")
    t.dir("d")
    t.file("d/before", b"made before the default ACL\n")
    t.default_acl("d", *default)
    t.file("d/inherits", b"made after it\n")
    t.sym("link")
    t.xattr("link", "trusted.on-a-symlink", b"yes")
    for name in ("acl", "acl-removed", "all"):
        t.acl(name, *named)
    t.xattr("capability", "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
    t.xattr("trusted", "trusted.overlay", b"\0\1\2\xff")
    for name in ("xattr", "all"):
        t.xattr(name, "user.empty", b"")
        t.xattr(name, "user.text", b"a line\nand another")
        t.xattr(name, "user.long", bulk(2, 1500))
    t.xattr(".", "user.root", b"of the root")
    t.xattr("d", "user.dir", b"of a directory")
    r.session()
    t.acl("acl", *named[:2], *named[3:])
    os.removexattr(t.at("acl-removed"), "system.posix_acl_access")
    os.removexattr(t.at("xattr"), "user.text")
    t.xattr("xattr", "user.empty", b"not any more")
    os.removexattr(t.at("capability"), "security.capability")
    os.removexattr(t.at("d"), "system.posix_acl_default")
    r.session()
    t.remove("all")
    t.xattr("link", "trusted.on-a-symlink", b"no")
    r.session()


@golden
def xattr_names(r):
    """Names of xattrs that the real program writes escaped and does not read back"""
    t = r.tree
    for n, name in enumerate(["user.a b", "user.equals=", "user.back\\slash", "user.caf\xe9", "user.\xff"]):
        t.file("f%d" % n)
        t.xattr("f%d" % n, name.encode("latin-1"), b"value %d" % n)
    r.session()
    t.xattr("f0", b"user.a b", b"changed")
    r.session()


@golden
def sparse(r):
    """Files with holes, also at the end, one of them filled later"""
    t = r.tree

    def holes(path, length, *islands):
        with open(t.at(path), "wb") as f:
            f.truncate(length)
            for at, data in islands:
                f.seek(at)
                f.write(data)
        t.done(path, 0o644)

    holes("hole", 1_000_000)
    holes("islands", 1_500_000, (0, b"head"), (700_001, b"middle" * 50))
    holes("tail", 600_000, (599_000, b"t" * 1000))
    r.session()
    holes("hole", 1_000_000, (400_000, b"an island"))
    holes("islands", 1_200_000, (0, b"head"), (700_001, b"middle" * 50))
    t.remove("tail")
    r.session()


ODD = [
    b"new\nline", b"back\\slash", b"\\n not a newline", b"both\\\n", b" lead", b"trail ", b"  ", b"tab\there", b"cr\rhere",
    b"semi;058x", b";", b"colon:", b"percent%41", b"\xff\xfe\x80", b"caf\xc3\xa9", b"cafe\xcc\x81", b"\x01ctl\x7f", b"...",
    b".hidden", b"-rf", b"star*?[x]", b"quote'\"`$(x)", b"UPPER", b"upper", b"File", b"Type reg", b"increments",
    b"rdiff-backup.tmp.7", b"mirror_metadata", b"current_mirror.2023-11-14T22:13:20Z.data", b"# file: x", b"=",
    b"f.2023-11-14T22:13:20Z.snapshot", b"f.2023-11-14T22:13:20Z.diff.gz", b"f.2023-11-14T22:13:20Z.missing",
    b"f.2023-11-14T22:13:20Z.dir", b"f.2020-02-02T02:02:02Z.dir", b"f.snapshot.gz", b"f", b"f.gz", b"x" * 255, b"\xc3\xa9" * 127,
]
# a directory with the very name of an increment of its neighbour stops the real program
ODD_DIRS = [x for x in ODD if b"20Z." not in x and len(x) < 200] + [b"f.2020-02-02T02:02:02Z.dir"]


@golden
def odd_names(r):
    """Every odd name as a file that changes, a file that goes, a directory, a link's target"""
    t = r.tree
    for place in ("changed", "removed", "added", "dirs", "links"):
        t.dir(place)
    for n, name in enumerate(ODD):
        t.file(b"changed/" + name, b"first %d\n" % n * 9)
        t.file(b"removed/" + name, b"first %d\n" % n)
        if name in ODD_DIRS:
            t.dir(b"dirs/" + name)
            t.file(b"dirs/" + name + b"/" + name, b"inner %d\n" % n)
        t.sym(b"links/" + name, name)
    for place in ("changed", "removed", "added", "dirs", "links"):
        t.file(place + "/\udcff\udcff-last", b"stays\n")
    t.xattr(b"changed/" + ODD[0], "user.x", b"newline in the path")
    t.xattr(b"changed/" + ODD[13], "user.x", b"bytes in the path")
    t.acl(b"changed/" + ODD[1], ("owner", 6), ("user", 4, 1), ("owning", 4), ("mask", 6), ("other", 4))
    t.dir("sub")
    t.dir("sub/rdiff-backup-data")
    t.file("sub/rdiff-backup-data/current_mirror.2023-11-14T22:13:20Z.data", b"PID 1\n")
    deep = b"deep"
    t.dir(deep)
    for n in range(4):
        deep += b"/%d" % n + b"y" * 199
        t.dir(deep)
    t.file(deep + b"/leaf", b"one\n")
    r.session()
    for n, name in enumerate(ODD):
        t.file(b"changed/" + name, b"first %d\n" % n * 4 + b"second\n")
        t.remove(b"removed/" + name)
        t.file(b"added/" + name, b"added\n")
        if name in ODD_DIRS:
            t.file(b"dirs/" + name + b"/" + name, b"changed %d\n" % n)
        t.remove(b"links/" + name)
        t.sym(b"links/" + name, name + b"2")
    t.file("sub/rdiff-backup-data/current_mirror.2023-11-14T22:13:20Z.data", b"PID 2\n")
    t.file(deep + b"/leaf", b"two\n")
    r.session()
    for name in ODD:
        if name in ODD_DIRS:
            t.remove(b"dirs/" + name)
    r.session()


@golden
def modes_times(r):
    """Modes from 0000 to 7777; times before 1970, after 2038, with nanoseconds; unknown owners"""
    t = r.tree
    for mode in (0o0000, 0o0400, 0o4755, 0o2711, 0o1644, 0o6755, 0o7777):
        t.file("f%04o" % mode, b"mode %o\n" % mode, mode)
        t.dir("d%04o" % mode, mode)
        t.file("d%04o/f" % mode, b"in %o\n" % mode, mode)
        t.stamp("d%04o" % mode)
    times = [(-2_000_000_000, 0), (-1, 500_000_000), (0, 0), (1, 999_999_999), (2**31, 1), (2**32 + 5, 0), (7_258_118_400, 0)]
    for when, ns in times:
        t.file("t%d" % when, b"time\n", mtime=when, ns=ns)
        t.dir("td%d" % when, mtime=when, ns=ns)
    t.file("owner", b"nobody knows\n", owner=(54321, 12345))
    t.file("daemon", b"known\n", owner=(1, 1))
    t.sym("sym-owner", owner=(54321, 1), mtime=-77)
    t.stamp(".", -3600)
    r.session()
    for mode in (0o0000, 0o6755, 0o1644):
        t.file("f%04o" % mode, b"content of mode %o\n" % mode, mode)
        t.done("d%04o" % mode, 0o755)
    t.done("f0400", 0o6755)
    t.done("f7777", 0o0000)
    for when, ns in times:
        t.file("t%d" % when, b"time\n", mtime=when + 1, ns=ns)
    t.stamp(".", 2**33)
    r.session()


@golden
def type_changes(r):
    """Every kind becomes every other kind, and back"""
    t, kinds = r.tree, [None, "reg", "dir", "sym", "fifo", "sock", "chr", "blk"]
    pairs = [(a, b) for a in kinds for b in kinds if a != b]

    def put(which):
        for n, pair in enumerate(pairs):
            path = "%s-%s" % pair
            if os.path.lexists(t.at(path)):
                t.remove(path)
            t.make(path, pair[which], n)

    for which in (0, 1, 0):
        put(which)
        r.session()


@golden
def renames(r):
    """Files and directories renamed, swapped, moved in and out of directories"""
    t = r.tree
    for d in ("d", "d/deep", "e"):
        t.dir(d)
    for n, f in enumerate(["a", "b", "d/a", "d/deep/a", "e/a"]):
        t.file(f, b"%d %s\n" % (n, f.encode()) * 30)
    t.link("a", "a-link")
    r.session()
    t.rename("a", "e/from-the-root")
    t.rename("d/deep", "e/deep")
    t.rename("b", "a")
    r.session()
    t.rename("d", "swap")
    t.rename("e", "d")
    t.rename("swap", "e")
    r.session()
    t.rename("d", "e/d")
    r.session()


@golden
def time_zones(r):
    """One chain through UTC, Newfoundland, Berlin across both DST changes, Nepal"""
    t = r.tree
    places = [(START, "UTC"), (START + DAY, "America/St_Johns"), (START + 2 * DAY, "Asia/Kathmandu"),
              (1_711_846_799, "Europe/Berlin"), (1_711_846_800, "Europe/Berlin"),    # 2024-03-31, 01:59:59 -> 03:00:00
              (1_720_000_000, "America/St_Johns"),                                   # in summer: -02:30
              (1_729_989_000, "Europe/Berlin"), (1_729_992_600, "Europe/Berlin"),    # both 02:30, +02:00 then +01:00
              (1_729_992_700, "UTC"), (1_730_000_000, "America/Los_Angeles")]
    for n, (at, zone) in enumerate(places):
        t.file("changes", b"session %d\n" % n + bulk(3, 300))
        t.file("new-%d" % n)
        if n:
            t.remove("new-%d" % (n - 1))
        if n % 3 == 0:
            t.file("sometimes", bulk(n, 100))
        t.file("with-xattr")
        t.xattr("with-xattr", "user.n", b"%d" % n)
        r.session(at, zone=zone)


def long_tree(r, options):
    """Names whose increments are too long, as files and as directories, changed, removed, made again"""
    t = r.tree
    t.dir("A" * 30)
    for n, size in enumerate((204, 205, 206, 250, 255)):
        t.file(b"f%d" % n + b"L" * (size - 2), b"long %d\n" % size * 20)
        t.file("A" * 30 + "/" + "M" * size, b"in a directory\n")
    t.dir("D" * 250)
    t.file("D" * 250 + "/" + "N" * 250, b"inside\n")
    t.sym("S" * 250)
    t.file("~last", b"after all of them\n")
    t.file("A" * 30 + "/~last", b"after all of them\n")
    r.session(options=options)
    for n, size in enumerate((204, 205, 206, 250, 255)):
        t.file(b"f%d" % n + b"L" * (size - 2), b"long %d\n" % size * 10 + b"changed\n")
    t.file("D" * 250 + "/" + "N" * 250, b"changed inside\n")
    t.file("x" + "X" * 240, b"new\n")
    r.session(options=options)
    t.remove(b"f3" + b"L" * 248)
    t.remove("A" * 30 + "/" + "M" * 250)
    t.remove("D" * 250 + "/" + "N" * 250)
    t.done("D" * 250, 0o700)
    r.session(options=options)
    t.file(b"f3" + b"L" * 248, b"here again\n")
    t.file("x" + "X" * 240, b"changed\n")
    r.session(options=options)


@golden
def long_names(r):
    """Increments in long_filename_data (AlternateIncrementName)"""
    long_tree(r, ())


@golden
def long_names_quoted(r):
    """Quoting makes the mirror names too long as well (AlternateMirrorName)"""
    long_tree(r, ("--chars-to-quote", "A-Z"))


@golden
def quoted(r):
    """Forced quoting: capitals and colons, so also in times and in the names of data files"""
    t, options = r.tree, ("--chars-to-quote", "A-Z:")
    for d in ("Dir", "Dir/SUB", "plain"):
        t.dir(d)
    for f in ("File", "Dir/SUB/X:y", "plain/f", "semi;058x", "a;b", "READ me.GZ", "gone:Z"):
        t.file(f, b"one\n" * 30)
    t.link("File", "Dir/Link:")
    t.sym("Sym:link", b"Target:X")
    t.xattr("File", "user.X", b"1")
    r.session(options=options)
    for f in ("File", "Dir/SUB/X:y", "plain/f", "semi;058x", "a;b", "READ me.GZ"):
        t.file(f, b"one\n" * 30 + b"two\n")
    t.remove("gone:Z")
    t.dir("New:Dir")
    r.session(options=options)
    t.remove("Dir")
    t.file("Dir", b"a file now\n")
    r.session(options=options)


@golden
def chain_of_14(r):
    """Fourteen sessions: a metadata snapshot has to come in between"""
    t = r.tree
    t.dir("d")
    t.file("d/constant", b"never changes\n")
    for n in range(14):
        t.file("always", bulk(4, 100 * n) + b"session %d\n" % n + bulk(5, 1500))
        if n % 2:
            t.file("d/odd", bulk(n, 400) + bulk(6, 900))
        if n in (3, 9):
            t.file("comes and goes", b"%d\n" % n)
        if n in (6, 12):
            t.remove("comes and goes")
        r.session()


def plain_tree(r, options=()):
    t = r.tree
    t.dir("d")
    for f in ("d/changed", "removed", "attributes", "package.zip", "same"):
        t.file(f, f.encode() * 60)
    r.session(options=options, action=["--no-compression"])
    t.file("d/changed", b"d/changed" * 40 + b"x")
    t.file("package.zip", b"package.zip" * 70)
    t.remove("removed")
    t.done("attributes", 0o600)
    r.session(options=options, action=["--no-compression"])
    r.session(options=options, action=["--no-compression"])


@golden
def no_compression(r):
    """Plain increments; metadata is compressed all the same"""
    plain_tree(r)


@golden
def no_compression_201(r):
    """API 201: metadata is plain too"""
    plain_tree(r, ("--api-version", "201"))


@golden
def unchanged(r):
    """Sessions that found nothing, between others"""
    t = r.tree
    t.dir("d")
    t.file("d/f", b"one\n")
    t.file("packed.gz", b"not really\n" * 9)
    r.session()
    r.session()
    r.session()
    t.file("d/f", b"two\n")
    t.file("packed.gz", b"nor now\n" * 9)
    r.session()
    r.session()


@golden
def api_201(r):
    """Written with API 201: lock.yml, no increments for attributes alone, its own way with links"""
    t, options = r.tree, ("--api-version", "201")
    t.dir("d")
    for f in ("attributes", "changed", "d/removed"):
        t.file(f, f.encode() * 60)
    for g in "ab":
        t.file(g + "1", b"group %s\n" % g.encode() * 20)
        t.link(g + "1", g + "2")
        t.link(g + "1", "d/" + g + "3")
    t.acl("changed", ("owner", 6), ("user", 4, 1), ("owning", 4), ("mask", 6), ("other", 4))
    t.xattr("changed", "user.x", b"1")
    r.session(options=options)
    t.done("attributes", 0o600, owner=(1, 1))
    t.file("changed", b"changed" * 50 + b"!")
    t.remove("d/removed")
    t.remove("a1")
    t.file("b2", b"all of group b\n")
    r.session(options=options)
    t.done("attributes", 0o4755)
    r.session(options=options)
    t.file("attributes", b"content\n")
    r.session()                                 # and API 200 goes on


@golden
def without_links_acls_xattrs(r):
    """--no-hard-links --no-acls --no-eas, then all three on"""
    t, off = r.tree, ["--no-hard-links", "--no-acls", "--no-eas"]
    t.file("a")
    t.link("a", "b")
    t.file("with", b"both\n")
    t.acl("with", ("owner", 6), ("user", 4, 1), ("owning", 4), ("mask", 6), ("other", 4))
    t.xattr("with", "user.x", b"1")
    r.session(action=off)
    t.file("a", b"new content\n")
    r.session(action=off)
    r.session()


@golden
def compatible_timestamps(r):
    """Times written with hyphens, in two zones; then the usual ones"""
    t, options = r.tree, ("--use-compatible-timestamps",)
    for n, zone in enumerate(["UTC", "America/New_York", "America/St_Johns"]):
        t.file("f", b"session %d\n" % n)
        t.file("only-%d" % n)
        r.session(options=options, zone=zone)
    t.file("f", b"colons now\n")
    r.session(zone="America/New_York")


@golden
def removed(r):
    """Five sessions, the oldest three removed"""
    t = r.tree
    t.dir("early")
    t.file("early/gone", b"x\n")
    for n in range(5):
        t.file("f", b"session %d\n" % n + bulk(7, 200))
        if n == 1:
            t.remove("early")
        r.session()
    cut = r.now - 2 * DAY
    r.run("--force", "--current-time", str(r.now + 5), "remove", "increments", "--older-than", str(cut + 1), r.repo)
    for n in range(3):
        os.unlink(os.path.join(r.out, r.name, "%d.manifest" % (START + n * DAY)))


@golden
def without_statistics(r):
    """--no-file-statistics"""
    t = r.tree
    t.file("f", b"one\n")
    r.session(action=["--no-file-statistics"])
    t.file("f", b"two\n")
    r.session(action=["--no-file-statistics"])


@golden
def unreadable(r):
    """A file and a new one cannot be read: the real program takes the first for deleted, twice"""
    t = r.tree
    t.dir("d")
    t.file("d/denied", b"readable at first\n" * 20)
    t.file("other", b"one\n")
    r.session()
    t.file("d/denied", b"changed\n" * 20)
    t.file("d/denied-new", b"never seen\n")
    t.file("other", b"two\n")
    for _ in range(2):                          # the second time nothing else is new
        r.session(trouble=("open", "source/d/denied", 0))
        r.write(r.now, (x for x in manifest(t.top) if "denied" not in x))
    r.session()


# ---- interrupted

def eventful_tree(r):
    """Two good sessions, and a source with changes of every sort for a third"""
    t = r.tree
    for d in ("a-dir", "a-dir/sub", "gone", "z-dir"):
        t.dir(d)
    for f in ("a-dir/f", "a-dir/sub/g", "gone/h", "m", "n", "z-dir/f", "attributes"):
        t.file(f, f.encode() + b"\n" + bulk(8, 300))
    t.link("m", "m-link")
    t.sym("sym")
    t.dev("dev", "chr", 1, 3)
    t.xattr("m", "user.x", b"1")
    r.session()
    t.file("a-dir/f", b"second\n" + bulk(8, 300))
    t.file("z-dir/f", b"second\n" + bulk(8, 300))
    r.session()
    t.file("a-dir/f", b"third\n" + bulk(8, 300))
    t.file("a-dir/new", b"third\n")
    t.remove("a-dir/sub")
    t.file("a-dir/sub", b"a file now\n")
    t.remove("gone")
    t.done("attributes", 0o600)
    t.file("m", b"third\n" + bulk(8, 300))
    t.xattr("m", "user.x", b"2")
    t.remove("n")
    t.dir("n")
    t.file("n/inside", b"third\n")
    t.remove("sym")
    t.sym("sym", b"elsewhere")
    t.remove("dev")
    t.file("z-dir/f", b"third\n" + bulk(8, 300))


@golden
def interrupted_first(r):
    """Killed before the first marker: no session at all"""
    r.tree.dir("d")
    r.tree.file("d/f")
    r.session(trouble=("open", "current_mirror", 1))


@golden
def interrupted_at_marker(r):
    """Two markers and nothing else"""
    eventful_tree(r)
    r.session(trouble=("open", "file_statistics", 1))


@golden
def interrupted_before_rename(r):
    """The increment of z-dir/f is there, its mirror file still old, others new"""
    eventful_tree(r)
    r.session(trouble=("os.rename", "z-dir/f$", 1))


@golden
def interrupted_after_rename(r):
    """Killed while it goes on after a-dir/f: little is new"""
    eventful_tree(r)
    r.session(trouble=("os.rename", "a-dir/new$", 1))


@golden
def interrupted_in_removal(r):
    """A directory that goes is half gone"""
    eventful_tree(r)
    r.session(trouble=("os.rmdir", "gone$", 1))


@golden
def interrupted_at_metadata(r):
    """The tree is new, two metadata snapshots stand side by side"""
    eventful_tree(r)
    r.session(trouble=("open", "mirror_metadata.*diff", 1))


@golden
def interrupted_at_commit(r):
    """All is written; only the old marker is still there"""
    eventful_tree(r)
    r.session(trouble=("os.remove", "current_mirror", 1))


@golden
def interrupted_regress(r):
    """A regress that was killed halfway"""
    eventful_tree(r)
    r.session(trouble=("os.remove", "current_mirror", 1))
    r.run("regress", r.repo, trouble=("os.rename", "/m$", 1))


@golden
def regressed(r):
    """Interrupted, put back by the real program, continued"""
    eventful_tree(r)
    r.session(trouble=("os.rename", "z-dir/f$", 1))
    r.run("regress", r.repo, status=2)         # 2: there were warnings
    r.session(at=r.now + 60)


def main():
    if len(sys.argv) < 2 or os.geteuid() != 0:
        sys.exit(__doc__)
    os.umask(0o022)
    for name in sys.argv[2:] or REPOSITORIES:
        with tempfile.TemporaryDirectory(prefix="golden") as work:
            maker = Maker(name, work, os.path.abspath(sys.argv[1]))
            REPOSITORIES[name](maker)
            maker.pack()


if __name__ == "__main__":
    main()
