import Linux
import MIG
import Policy
import TestSupport
import Testing

/// Files on disk. What must be trusted must be root's, so the accepted paths need root; the refused ones mostly not.
@Suite struct PolicySourceTests {
    static var isRoot: Bool { CurrentProcess.user == .root }

    private static let empty = Array(#"{ "version": 1 }"#.utf8)

    private static func rule(_ id: String) -> [UInt8] {
        Array(
            #"{ "version": 1, "allow": [{ "id": "\#(id)", "who": { "users": [1] }, "actions": ["audit.read"] }] }"#.utf8
        )
    }

    /// A policy with one rule, and an empty directory for more.
    private static func install(in root: String) throws -> PolicySource {
        try Files.makeDirectories("\(root)/etc/migbroker/policy.d")
        try Files.write("\(root)/etc/migbroker/policy.json", rule("main"))
        return PolicySource.below(root)
    }

    private static func problem(_ source: PolicySource) -> PolicyProblem? {
        do throws(PolicyErrors) {
            _ = try PolicySet.load(from: source, names: Names.resolver)
            return nil
        } catch {
            return error.diagnostics.first?.problem
        }
    }

    @Test(.enabled(if: isRoot, "needs root"))
    func `all files count, in byte order, but hidden ones and other kinds of names`() throws {
        let root = try TemporaryDirectory()
        let source = try Self.install(in: root.path)
        for name in ["b.json", "B.json", "a.json"] {
            try Files.write("\(root.path)/etc/migbroker/policy.d/\(name)", Self.rule(name))
        }
        for name in [".hidden.json", "notes.txt", "a.json~", "json"] {
            try Files.write("\(root.path)/etc/migbroker/policy.d/\(name)", Array("no policy".utf8))
        }
        let policy = try PolicySet.load(from: source, names: Names.resolver)
        #expect(policy.files.map { Files.name(of: $0.path) } == ["policy.json", "B.json", "a.json", "b.json"])
        #expect(policy.ask(caller(1), .readAudit).rules == ["B.json", "a.json", "b.json", "main"])
        #expect(PolicyCheck.findings(in: source, names: Names.resolver) == [])
    }

    @Test(.enabled(if: isRoot, "needs root"))
    func `the directory may be missing, the file may not`() throws {
        let root = try TemporaryDirectory()
        let source = try Self.install(in: root.path)
        try Files.remove("\(root.path)/etc/migbroker/policy.d")
        #expect(Self.problem(source) == nil)
        try Files.remove(source.file)
        #expect(Self.problem(source) == .unsafeFile(SafePathError(source.file, .system(.notFound))))
    }

    @Test(.enabled(if: isRoot, "needs root"))
    func `one file that cannot be trusted refuses them all`() throws {
        let root = try TemporaryDirectory()
        let source = try Self.install(in: root.path)
        let extra = "\(root.path)/etc/migbroker/policy.d/extra.json"
        func expect(_ problem: SafePathError.Problem, at path: String? = nil) {
            #expect(Self.problem(source) == .unsafeFile(SafePathError(path ?? extra, problem)))
        }
        try Files.write(extra, Self.empty)
        try Files.setMode(extra, 0o664)
        expect(.writableByOthers(mode: 0o664))
        try Files.setMode(extra, 0o644)
        try Files.setOwner(extra, UserID(1000), GroupID(0))
        expect(.notOwnedByRoot(UserID(1000)))
        try Files.setOwner(extra, .root, GroupID(0))
        try Files.link(extra, at: root.path("second"))
        expect(.severalLinks(2))
        try Files.remove(extra)
        try Files.symlink(to: root.path("second"), at: extra)
        expect(.symbolicLink)
        try Files.remove(extra)
        try Files.makeDirectory(extra)
        expect(.notRegular(.directory))
        try Files.remove(extra)
        #expect(Self.problem(source) == nil)
        #expect(PolicyCheck.findings(installedAt: source, names: Names.resolver) == [])
        try Files.setMode(source.file, 0o666)
        #expect(
            PolicyCheck.findings(installedAt: source, names: Names.resolver).map(\.problem) == [
                .unsafeFile(SafePathError(source.file, .writableByOthers(mode: 0o666)))
            ])
        #expect(PolicyCheck.findings(in: source, names: Names.resolver).map(\.severity) == [.warning])
        try Files.setMode(source.file, 0o044)
        #expect(
            PolicyCheck.findings(installedAt: source, names: Names.resolver).map(\.problem) == [
                .unsafeFile(SafePathError(source.file, .system(.access)))
            ])
        try Files.setMode(source.file, 0o644)
        try Files.setMode("\(root.path)/etc/migbroker/policy.d", 0o777)
        expect(.writableByOthers(mode: 0o777), at: "\(root.path)/etc/migbroker/policy.d")
    }

    @Test(.enabled(if: isRoot, "needs root"))
    func `a file over the bound is refused before it is parsed`() throws {
        let root = try TemporaryDirectory()
        let source = try Self.install(in: root.path)
        var bounds = Bounds()
        bounds.policyBytes = 10
        #expect(throws: PolicyErrors.self) { try source.read(bounds: bounds) }
    }

    @Test func `a draft of one's own is checked, and told apart from what the daemon would read`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("draft.json")
        try Files.write(path, Array(#"{ "version": 2 }"#.utf8), mode: 0o664)
        try Files.setMode(path, 0o664)
        let draft = PolicySource(file: path, directory: nil)
        let errors = PolicyCheck.findings(in: draft, names: Names.resolver)
        #expect(errors.map(\.severity) == [.warning, .error])
        #expect(errors.last?.description.hasPrefix("\(path):1:14: version 2 is not known") == true)
        try Files.write(path, Self.empty)
        let warnings = PolicyCheck.findings(in: draft, names: Names.resolver)
        #expect(warnings.map(\.severity) == [.warning])
        #expect(Self.problem(draft) != nil)
    }

    @Test func `a file that is not there is an error of the check`() throws {
        let directory = try TemporaryDirectory()
        let source = PolicySource(file: directory.path("none.json"), directory: directory.path("none.d"))
        let found = PolicyCheck.findings(in: source, names: Names.resolver)
        #expect(found.map(\.severity) == [.error])
        #expect(found.first?.line == 0)
        #expect(Self.problem(source) != nil)
    }
}
