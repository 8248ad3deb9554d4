import JSON
import Linux
import TestSupport
import Testing

/// What people type wrongly, and what they are told: each mistake has its exit code and three clear lines.
@Suite("Bad input", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct BadInputTests {
    /// Words for `migctl`, the exit code, and what the lines on standard error say.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let words: [String]
        let code: Int32
        let lines: [String]
        var testDescription: String { words.joined(separator: " ") }

        init(_ words: String, _ code: Int32, _ lines: String...) {
            self.words = words.split(separator: " ").map(String.init)
            self.code = code
            self.lines = lines
        }
    }

    private static let nobodys = String(repeating: "0", count: 32)

    private static let mistakes = [
        Mistake(
            "request 3g.99gb", 4, "cannot get 3g.99gb", "NotFound: no such profile: 3g.99gb",
            "'migctl profiles' shows what there is"),
        Mistake(
            "request 77", 4, "cannot get 77", "NotFound: no such profile: 77", "'migctl profiles' shows what there is"
        ),
        Mistake(
            "request big", 2, "'big' is no good for PROFILE: expected a name such as 3g.20gb",
            "see 'migctl request --help'"),
        Mistake(
            "request 1g.5gb --gpu 7", 4, "cannot get 1g.5gb", "NotFound: no such GPU: 7",
            "'migctl gpus' shows what there is"),
        Mistake(
            "request 1g.5gb --gpu GPU-00000000-0000-0000-0000-000000000000", 4, "cannot get 1g.5gb",
            "NotFound: no such GPU: GPU-00000000-0000-0000-0000-000000000000", "'migctl gpus' shows what there is"),
        Mistake(
            "request 1g.5gb --gpu model:NVIDIA?B*", 4, "cannot get 1g.5gb", "NotFound: no such GPU: model:NVIDIA?B*",
            "'migctl gpus' shows what there is"),
        Mistake(
            "request 1g.5gb --gpu first", 2, "'first' is no good for --gpu: expected an index, a UUID, a PCI id",
            "see 'migctl request --help'"),
        Mistake(
            "request 1g.5gb --for 2", 2, "'2' is no good for --for: expected a time such as 30s",
            "see 'migctl request --help'"),
        Mistake(
            "request 1g.5gb --count 0", 2, "'0' is no good for --count: expected a number from 1 to 16",
            "see 'migctl request --help'"),
        Mistake(
            "request --memory 900GiB", 4, "cannot get 900 GiB of GPU memory",
            "NotFound: no such profile: with 921600 MiB", "'migctl profiles' shows what there is"),
        Mistake("request", 2, "PROFILE", "see 'migctl request --help'"),
        Mistake(
            "release \(nobodys)", 4, "cannot release 00000000", "NotFound: no such lease: \(nobodys)",
            "'migctl leases' shows what is yours"),
        Mistake(
            "release 0123", 4, "you have no lease that begins with '0123'", "'migctl leases' shows what is yours"),
        Mistake("release nonsense", 2, "'nonsense' is no lease", "32 hex digits", "'migctl leases'"),
        Mistake("release", 2, "LEASE", "see 'migctl release --help'"),
        Mistake(
            "renew \(nobodys)", 4, "cannot renew 00000000", "NotFound: no such lease: \(nobodys)",
            "'migctl leases' shows what is yours"),
        Mistake(
            "profiles --gpu 9", 4, "cannot list profiles", "NotFound: no such GPU: 9",
            "'migctl gpus' shows what there is"),
        Mistake(
            "explain --user nosuch", 4, "cannot explain", "NotFound: no such user: nosuch",
            "see 'getent passwd' for the users of this machine"),
        Mistake("frobnicate", 2, "frobnicate", "see 'migctl --help'"),
        Mistake("leases --frobnicate", 2, "--frobnicate", "see 'migctl leases --help'"),
    ]

    @Test func `each mistake has its exit code and says what is wrong and what to do`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        for mistake in Self.mistakes {
            let command = try stage.migctl(mistake.words, as: Stage.root)
            #expect(command.code == mistake.code, "\(mistake.testDescription): \(command.errors)")
            #expect(command.output == "", "\(mistake.testDescription)")
            let lines = command.errors.split(separator: "\n")
            #expect(lines.count <= 3 && lines.allSatisfy { $0.hasPrefix("migctl: ") }, "\(command.errors)")
            #expect(lines.count == mistake.lines.count, "\(mistake.testDescription): \(command.errors)")
            for (line, expected) in zip(lines, mistake.lines) {
                #expect(line.contains(expected), "\(mistake.testDescription): \(command.errors)")
            }
        }
        #expect(try stage.isUnharmed())
        _ = daemon
    }

    @Test func `someone else's lease cannot be released or renewed, whole or by its first digits`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        let before = try stage.migctl(["--json", "leases"], as: Stage.alice).output
        for words in [["release", lease], ["renew", lease], ["renew", lease, "--for", "1h"]] {
            let command = try stage.migctl(words, as: Stage.bob)
            #expect(command.code == 4, "\(command.errors)")
            #expect(command.errors.contains("NotFound: no such lease: \(lease)"), "\(command.errors)")
        }
        let prefix = try stage.migctl(["release", String(lease.prefix(6))], as: Stage.bob)
        #expect(prefix.code == 4)
        #expect(!prefix.errors.contains(lease))
        // A list with one's own and another's lease ends neither.
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        let own = try #require(try stage.leases(of: Stage.bob).first)
        #expect(try stage.migctl(["release", own, lease], as: Stage.bob).code == 4)
        #expect(try stage.leases(of: Stage.bob) == [own])
        #expect(try stage.migctl(["--json", "leases"], as: Stage.alice).output == before)
        _ = daemon
    }

    @Test func `a profile id that means two profiles is refused with both names`() throws {
        let stage = try Stage(
            machine: ["--gpu", "NVIDIA A100-SXM4-40GB", "--gpu", "NVIDIA H100 80GB HBM3", "--mig"],
            policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let command = try stage.migctl(["request", "19"], as: Stage.root)
        #expect(command.code == 2)
        #expect(
            command.errors == """
                migctl: cannot get 19
                migctl: Ambiguous: profile 19 is ambiguous: 1g.10gb, 1g.5gb
                migctl: name it by one of these

                """)
        #expect(try stage.isUnharmed())
        #expect(try stage.migctl(["request", "19", "--gpu", "1"], as: Stage.root).code == 0)
        #expect(try stage.objects(["leases"], "leases", as: Stage.root).first?["profile"]?.stringValue == "1g.10gb")
        _ = daemon
    }

    @Test func `where MIG mode is off the error says so and who can change it`() throws {
        let stage = try Stage(machine: ["--gpu", "NVIDIA A100-SXM4-40GB"], policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let command = try stage.migctl(["request", "1g.5gb"], as: Stage.alice)
        #expect(command.code == 7)
        #expect(
            command.errors == """
                migctl: cannot get 1g.5gb
                migctl: MIGDisabled: MIG mode is off on GPU 0
                migctl: 'migctl mode enable' turns it on, for who may

                """)
        #expect(try stage.isUnharmed())
        _ = daemon
    }

    @Test func `no text from outside reaches the terminal or breaks a line`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let evil = ["\u{1B}[2J", "a\nmigctl: all is well", "\u{202E}bg5.g1", "\u{9B}31m", "%n%s", "\u{7}"]
        for text in evil {
            for words in [
                ["request", text], ["request", "1g.5gb", "--gpu", text], ["request", "1g.5gb", "--name", text],
                ["release", text], ["renew", text], ["explain", "request", "--user", text], [text],
                ["audit", "show", "--user", text],
            ] {
                let command = try stage.migctl(words, as: Stage.alice)
                let said = Array((command.errors + command.output).unicodeScalars)
                #expect(
                    !said.contains { ($0.value < 0x20 && $0 != "\n") || ($0.value >= 0x7F && $0.value < 0xA0) },
                    "\(words)")
                #expect(!said.contains("\u{202E}"), "\(words)")
                #expect(command.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("migctl: ") }, "\(words)")
                #expect(command.errors.split(separator: "\n").count <= 3, "\(command.errors)")
            }
            #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        }
        #expect(try stage.isUnharmed())
        #expect(try stage.records().count > 0)
        for file in try Files.list(stage.auditDirectory) {
            let bytes = try Files.read("\(stage.auditDirectory)/\(file)", limit: 64 << 20)
            #expect(!bytes.contains { $0 < 0x20 && $0 != 0x0A || $0 >= 0x7F })
        }
        _ = daemon
    }
}
