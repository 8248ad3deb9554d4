import Linux
import MIG
import TestSupport
import Testing

private let isRoot = CurrentProcess.user == .root

@Suite("The rule for trusted paths", .enabled(if: isRoot, "needs root: trusted files are root's"))
struct SafePathTests {
    private func problem(_ path: String) -> SafePathError.Problem? {
        do throws(SafePathError) {
            _ = try SafePath.read(path, limit: 1000)
            return nil
        } catch {
            return error.problem
        }
    }

    @Test func `a file of root in directories of root is read, also below a sticky directory`() throws {
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("policy"), Array("x".utf8))
        #expect(try SafePath.read(directory.path("policy"), limit: 10) == Array("x".utf8))
    }

    @Test func `a path that is not plainly absolute is refused`() {
        for path in ["", "policy", "./policy", "/etc/../etc/passwd", "/etc/./passwd"] {
            #expect(problem(path) == .notAbsolute, "\(path)")
        }
    }

    @Test(arguments: [0o664, 0o646, 0o666, 0o622] as [UInt32])
    func `a file that others may write is refused`(mode: UInt32) throws {
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("policy"), [1])
        try Files.setMode(directory.path("policy"), mode)
        #expect(problem(directory.path("policy")) == .writableByOthers(mode: mode))
    }

    @Test func `a file of somebody else is refused`() throws {
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("policy"), [1])
        try Files.setOwner(directory.path("policy"), UserID(1000), GroupID(0))
        #expect(problem(directory.path("policy")) == .notOwnedByRoot(UserID(1000)))
    }

    @Test(arguments: [0o775, 0o757, 0o777] as [UInt32])
    func `a directory that others may write is refused`(mode: UInt32) throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectory(directory.path("d"))
        try Files.write(directory.path("d/policy"), [1])
        try Files.setMode(directory.path("d"), mode)
        #expect(problem(directory.path("d/policy")) == .writableByOthers(mode: mode))
    }

    @Test func `somebody else's file below a sticky directory is refused`() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectory(directory.path("d"))
        try Files.setMode(directory.path("d"), 0o1777)
        try Files.makeDirectory(directory.path("d/theirs"))
        try Files.write(directory.path("d/theirs/policy"), [1])
        try Files.setOwner(directory.path("d/theirs"), UserID(1000), GroupID(1000))
        #expect(problem(directory.path("d/theirs/policy")) == .notOwnedByRoot(UserID(1000)))
    }

    @Test func `a symbolic link is refused as the file and on the way`() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectory(directory.path("d"))
        try Files.write(directory.path("d/policy"), [1])
        try Files.symlink(to: "d/policy", at: directory.path("link"))
        try Files.symlink(to: "d", at: directory.path("way"))
        #expect(problem(directory.path("link")) == .symbolicLink)
        #expect(problem(directory.path("way/policy")) == .symbolicLink)
    }

    @Test func `a second name, a FIFO, a device and a directory are refused`() throws {
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("a"), [1])
        try Files.link(directory.path("a"), at: directory.path("b"))
        #expect(problem(directory.path("a")) == .severalLinks(2))
        let fifo = try ChildProcess(
            "/usr/bin/mkfifo", arguments: [directory.path("fifo")], environment: [], streams: .inherited)
        #expect(try fifo.wait() == .exited(0))
        // A reader that waited for a writer would hang here for good.
        #expect(problem(directory.path("fifo")) == .notRegular(.fifo))
        try Files.makeCharacterDevice(directory.path("null"), DeviceNumber(major: 1, minor: 3), mode: 0o600)
        #expect(problem(directory.path("null")) == .notRegular(.characterDevice))
        try Files.makeDirectory(directory.path("d"))
        #expect(problem(directory.path("d")) == .notRegular(.directory))
    }

    @Test func `a file larger than the limit or not there is told apart`() throws {
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("big"), Array(repeating: 0, count: 1001))
        #expect(problem(directory.path("big")) == .tooLarge(limit: 1000))
        #expect(problem(directory.path("none")) == .system(.notFound))
    }

    @Test func `an access list that lets others write is refused`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("policy")
        try Files.write(path, [1])
        let acl = AccessACL([
            .init(.owner, 6), .init(.user(UserID(1000)), 6), .init(.owningGroup, 4), .init(.mask, 4), .init(.other, 0),
        ])
        try acl.apply(to: path)
        #expect(problem(path) == .writableByACL)
    }

    @Test func `a library is found through safe links, and not through others`() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectory(directory.path("lib"))
        try Files.write(directory.path("lib/real.so.1.2"), [1])
        try Files.symlink(to: "real.so.1.2", at: directory.path("lib/real.so.1"))
        try Files.symlink(to: "../lib/real.so.1", at: directory.path("lib/real.so"))
        #expect(try SafePath.resolve(directory.path("lib/real.so")) == directory.path("lib/real.so.1.2"))
        try Files.setOwner(directory.path("lib/real.so.1"), UserID(1000), GroupID(1000))
        #expect(throws: SafePathError(directory.path("lib/real.so.1"), .notOwnedByRoot(UserID(1000)))) {
            try SafePath.resolve(directory.path("lib/real.so"))
        }
        try Files.symlink(to: "loop", at: directory.path("lib/loop"))
        #expect(throws: SafePathError.self) { try SafePath.resolve(directory.path("lib/loop")) }
    }
}
