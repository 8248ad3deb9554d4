import Audit
import Linux
import MIG
import TestSupport
import Testing

/// Hostile strings in every field of every method and in the names of processes, against the real daemon, and what
/// terminals and line readers then see (threat T45 and test A10 of facts/security.md).
@Suite(
    "Hostile calls", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: Command.exists("python3"), "needs python3"), .serialized)
struct HostileCallTests {
    private static let count = CurrentProcess.environment("MIGBROKER_HOSTILE").flatMap { Int($0) } ?? 10_000
    private static let script = Files.parent(of: #filePath) + "/hostile.py"
    private static let fast = ["--limit", "changesPerSecond=1000000", "--limit", "changeBurst=1000000"]

    /// A call for each field of text of each method; what could succeed is asked for as a dry run.
    private static let calls: [[UInt8]] = InterfaceMethod.all.flatMap { method in
        method.fields.filter { ["string", "[]string"].contains($0.type) }.map { field in
            var changed = [field.name: field.type == "string" ? "\"@\"" : "[\"@\"]"]
            if method.fields.contains(where: { $0.name == "dryRun" }) { changed["dryRun"] = "true" }
            return Array(method.call(changed).dropLast())
        }
    }

    /// What is wrong with the log's bytes, as Python reads them.
    private func problems(in log: String, of stage: Stage) throws -> String {
        let script = """
            import glob, json, sys
            count = 0
            for path in sorted(glob.glob(sys.argv[1] + "/*.jsonl")):
                data = open(path, "rb").read()
                if not data.endswith(b"\\n"): print("torn")
                strangers = data.translate(None, bytes(range(0x20, 0x7F)) + b"\\n")
                if strangers: print("strangers", strangers[:20])
                for line in data.splitlines():
                    count += 1
                    if json.loads(line)["seq"] != count: print("line", count)
            if not count: print("no records")
            """
        let read = try stage.run(["python3", "-c", script, log], as: Stage.root, seconds: 300)
        return read.output + read.errors
    }

    @Test func `leave the daemon and its log as they should be`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        try Files.makeDirectories(stage.ownJournal)
        let journal = try JournalReader(at: "\(stage.ownJournal)/socket")
        let daemon = try stage.startDaemon(Self.fast)
        try Files.write("\(stage.path)/hostile.py", try Files.read(Self.script))
        var answered = 0
        for person in [Stage.root, Stage.alice, Stage.carol] {
            let ran = try stage.run(
                ["python3", "\(stage.path)/hostile.py", stage.socket, "\(Self.count / 3)"], as: person,
                input: Self.calls.map { Hex.text(of: $0) + "\n" }.joined(), seconds: 3000)
            #expect(ran.code == 0, "\(ran.errors)")
            answered += ran.output.split(separator: " ").first.flatMap { Int($0) } ?? 0
        }
        #expect(answered > Self.count / 4, "most are JSON, and have an answer")
        #expect(try stage.machine().instances == 0)
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 0)
        #expect(try stage.terminalProblems(["audit", "show"], as: Stage.dave) == "")
        #expect(try daemon.stop() == .exited(0))
        #expect(try problems(in: stage.auditDirectory, of: stage) == "")
        // Each is a message of the protocol, or this throws.
        let told = try journal.finish()
        #expect(told.filter { $0.type != nil }.compactMap(\.seq) == (try stage.entries().map(\.seq)))
    }

    @Test func `of processes with hostile names are told by terminal, log and journal as they are`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        try Files.makeDirectories(stage.ownJournal)
        let journal = try JournalReader(at: "\(stage.ownJournal)/socket")
        let daemon = try stage.startDaemon(Self.fast)
        let names = [
            "\u{1B}[2J", "\n{\"seq\":1}", "%n%s%s", "\u{202E}ltcgim", "\nPRIORITY=0", "\u{9B}31m", "a\u{2028}b",
            "\"},{\\",
        ]
        for (number, name) in names.enumerated() {
            let program = "\(stage.path)/bin/\(name)"
            try Files.write(program, try Files.read("\(stage.path)/bin/migctl"))
            try Files.setMode(program, 0o755)
            let leaseName = ["e\u{301} %n%s", "\"}{\\", "\u{1F600}", "null"][number % 4]
            let words = ["--root", stage.broker, "request", "1g.5gb", "--name", leaseName]
            #expect(try stage.run([program] + words, as: Stage.alice).code == 0)
            for verb in [
                ["leases", "--all"], ["audit", "show"], ["whoami"], ["gpus"], ["instances", "--all"], ["doctor"],
            ] {
                #expect(try stage.terminalProblems(verb, as: Stage.root) == "", "\(verb)")
            }
            #expect(try stage.run([program, "--root", stage.broker, "release", "--all"], as: Stage.alice).code == 0)
            try Files.remove(program)
        }
        #expect(try daemon.stop() == .exited(0))
        #expect(try problems(in: stage.auditDirectory, of: stage) == "")
        let entries = try stage.entries()
        for name in names {
            // The kernel keeps 15 bytes; a character that they cut is none.
            let comm = String(decoding: Array(name.utf8).prefix(15), as: UTF8.self)
            let ends = entries.filter {
                $0.record.type == .outcome && $0.record.caller.comm.map { Array($0.utf8) } == Array(comm.utf8)
            }
            #expect(ends.count == 2, "\(comm.debugDescription)")
        }
        let told = try journal.finish().filter { $0.type != nil }
        #expect(told.map(\.seq) == entries.map(\.seq))
        #expect(
            told.allSatisfy {
                Set($0.fields.map(\.name)).count == $0.fields.count - max(0, $0.all("MIGBROKER_RULE").count - 1)
            })
    }

    @Test func `thousands of denials of one user are few records, each of them counted`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        try Files.makeDirectories(stage.ownJournal)
        let journal = try JournalReader(at: "\(stage.ownJournal)/socket")
        let daemon = try stage.startDaemon(Self.fast)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
            call = b'{"method":"io.migbroker.Broker.Request","parameters":{"profiles":["1g.5gb"],"name":"%d"}}\\0'
            answers = b""
            for number in range(int(sys.argv[2])):
                s.sendall(call % number)
                while not answers.endswith(b"\\0"): answers = s.recv(65536)
                assert b"NotAuthorized" in answers, answers
                answers = b""
            """
        let flood = try stage.run(["python3", "-c", script, stage.socket, "5000"], as: Stage.carol, seconds: 300)
        #expect(flood.code == 0, "\(flood.errors)")
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try daemon.stop() == .exited(0))
        let denials = try stage.denials(of: Stage.carol)
        #expect(denials.map { $0.count ?? 1 }.reduce(0, +) == 5000)
        let entries = try stage.entries()
        #expect(entries.filter { $0.record.type == .intent }.count == 2)
        #expect(entries.filter { $0.record.type == .outcome }.count == 2)
        // A first, and a count for each look at them, of which there is one every two seconds.
        #expect(denials.count < 200)
        let told = try journal.finish().filter { $0["MIGBROKER_UID"] == "2003" }
        #expect(told.count == denials.count)
        #expect(told.compactMap { Int($0["MIGBROKER_COUNT"] ?? "1") }.reduce(0, +) == 5000)
    }
}

extension Stage {
    /// What a terminal would obey in the output of the client, which is given a real one; nothing is good.
    func terminalProblems(_ words: [String], as person: Person) throws -> String {
        let script = """
            import os, pty, subprocess, sys, unicodedata
            ours, theirs = pty.openpty()
            child = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs, stderr=theirs)
            os.close(theirs)
            said = b""
            while True:
                try: part = os.read(ours, 65536)
                except OSError: break
                if not part: break
                said += part
            if child.wait() not in (0, 10): print("status", child.returncode, said[-300:])
            if not said: print("nothing was said")
            for character in said.decode("utf-8").replace("\\r\\n", ""):
                if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"): print(repr(character))
            """
        let ran = try run(
            ["python3", "-c", script, "\(path)/bin/migctl", "--root", broker] + words, as: person, seconds: 300)
        return ran.output + ran.errors
    }
}
