import Linux
import TestSupport
import Testing

@Suite("Files")
struct FilesTests {
    @Test func `a replaced file is whole, has its mode, and leaves no draft`() throws {
        let directory = try TemporaryDirectory()
        try Files.replace(directory.path("state"), with: Array("one".utf8), mode: 0o600)
        try Files.write(directory.path("state.new"), Array("left behind".utf8))
        try Files.replace(directory.path("state"), with: Array("two".utf8), mode: 0o640)
        #expect(try Files.read(directory.path("state")) == Array("two".utf8))
        #expect(try Files.attributes(directory.path("state")).mode == 0o640)
        #expect(try Files.list(directory.path) == ["state"])
    }

    @Test func `reading stops at the limit instead of cutting`() throws {
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("f"), Array(repeating: 7, count: 100))
        #expect(try Files.read(directory.path("f"), limit: 100).count == 100)
        #expect(throws: SystemError("read", .fileTooBig, directory.path("f"))) {
            try Files.read(directory.path("f"), limit: 99)
        }
    }

    @Test func `a tree is removed without following links out of it`() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectories(directory.path("a/b/c"))
        try Files.makeDirectory(directory.path("kept"))
        try Files.write(directory.path("kept/file"), [1])
        try Files.symlink(to: directory.path("kept"), at: directory.path("a/link"))
        try Files.removeTree(directory.path("a"))
        #expect(try Files.list(directory.path) == ["kept"])
        #expect(try Files.read(directory.path("kept/file")) == [1])
    }

    @Test func `an error names the call, the path and the reason`() {
        #expect(throws: SystemError("open", .notFound, "/nonexistent/file")) {
            _ = try Files.read("/nonexistent/file")
        }
        #expect(
            SystemError("open", .notFound, "/nonexistent").description
                == "open /nonexistent: No such file or directory (ENOENT)")
    }

    @Test func `two programs cannot hold one lock`() throws {
        let directory = try TemporaryDirectory()
        let first = try Files.open(directory.path("lock"), [.write, .create], mode: 0o600)
        let second = try Files.open(directory.path("lock"), [.write])
        #expect(try first.tryLock(exclusively: true))
        #expect(try !second.tryLock(exclusively: true))
    }

    @Test func `a child's end is told by code and by signal`() throws {
        let exits = try ChildProcess("/bin/sh", arguments: ["-c", "exit 7"], environment: [], streams: .inherited)
        #expect(try exits.wait() == .exited(7))
        let dies = try ChildProcess("/bin/sh", arguments: ["-c", "kill -9 $$"], environment: [], streams: .inherited)
        #expect(try dies.wait() == .signalled(9))
        #expect(throws: SystemError.self) {
            _ = try ChildProcess("/nonexistent", arguments: [], environment: [], streams: .inherited)
        }
    }
}
