import Audit
import Linux
import TestSupport
import Testing

/// The second file of heads, written by the real daemon and read by the real client.
@Suite("Heads of the log", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct HeadsTests {
    @Test func `are noted elsewhere, and tell of a log that was cut or written anew`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let heads = "\(stage.path)/heads"
        let daemon = try stage.startDaemon(["--audit-heads", heads])
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try daemon.stop() == .exited(0))
        let last = try #require(try stage.entries().last)
        let noted = String(decoding: try Files.read(heads), as: UTF8.self).split(separator: "\n")
        #expect(noted.last?.hasPrefix("\(last.seq):\(last.hash) ") == true)

        let whole = try stage.migctl(["audit", "verify", stage.auditDirectory, "--heads", heads], as: Stage.root)
        #expect(whole.code == 0 && whole.errors.contains("bears out \(noted.count) heads"), "\(whole.errors)")
        let path = "\(stage.auditDirectory)/audit-00000001.jsonl"
        let lines = String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n")
        try Files.write("\(stage.path)/cut", Array((lines.dropLast().joined(separator: "\n") + "\n").utf8))
        let cut = try stage.migctl(["audit", "verify", "\(stage.path)/cut", "--heads", heads], as: Stage.root)
        #expect(cut.code == 10 && cut.errors.contains("ends before record \(last.seq)"), "\(cut.errors)")
        // The log of another broker is whole too.
        let other = try Stage(policy: LabPolicy.text)
        let second = try other.startDaemon()
        #expect(try second.stop() == .exited(0))
        let forged = try stage.migctl(["audit", "verify", other.auditDirectory, "--heads", heads], as: Stage.root)
        #expect(forged.code == 10 && forged.errors.contains("once written"), "\(forged.errors)")
    }

    @Test func `need a log and a file to be held against each other`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        try Files.write("\(stage.path)/none", [])
        try Files.write("\(stage.path)/nonsense", Array("nonsense\n".utf8))
        for (words, code) in [
            (["--heads", "\(stage.path)/none"], 2), ([stage.policy, "--heads"], 2),
        ] as [([String], Int32)] {
            #expect(try stage.migctl(["audit", "verify"] + words, as: Stage.root).code == code, "\(words)")
        }
        let daemon = try stage.startDaemon()
        #expect(try daemon.stop() == .exited(0))
        for (name, reason) in [("none", "no heads"), ("nonsense", "line 1 is no head"), ("missing", "No such file")] {
            let read = try stage.migctl(
                ["audit", "verify", stage.auditDirectory, "--heads", "\(stage.path)/\(name)"], as: Stage.root)
            #expect(read.code == 10 && read.errors.contains(reason), "\(read.errors)")
        }
    }

    @Test func `that cannot be noted are on record, and changes go on`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        try Files.makeDirectory("\(stage.path)/open")
        try Files.setMode("\(stage.path)/open", 0o777)
        let daemon = try stage.startDaemon(["--audit-heads", "\(stage.path)/open/heads"])
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        try daemon.waitUntil("that is on record") { try stage.records("health").count == 1 }
        #expect(!Files.exists("\(stage.path)/open/heads"))
        try Files.setMode("\(stage.path)/open", 0o755)
        try daemon.waitUntil("so is that they are noted again") { try stage.records("health").count == 2 }
        #expect(try daemon.stop() == .exited(0))
        let last = try #require(try stage.entries().last)
        let noted = String(decoding: try Files.read("\(stage.path)/open/heads"), as: UTF8.self)
        #expect(noted.contains("\(last.seq):\(last.hash)"))
    }
}
