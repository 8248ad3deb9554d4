import JSON
import Linux
import TestSupport
import Testing

/// What `migctl doctor` says of a machine that is well, and of each thing that can be wrong with it.
@Suite("The doctor", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct DoctorTests {
    /// One look: the rows by name, the status, and all that a person saw.
    private struct Look {
        let rows: [String: JSONValue]
        let names: [String]
        let code: Int32
        let text: String

        func state(_ name: String) -> String? { rows[name]?["state"]?.stringValue }
        func finding(_ name: String) -> String { rows[name]?["finding"]?.stringValue ?? "" }
        func fix(_ name: String) -> String { rows[name]?["fix"]?.stringValue ?? "" }
    }

    private func look(_ stage: Stage, as person: Stage.Person, _ options: [String] = []) throws -> Look {
        let json = try stage.migctl(["--json", "doctor"] + options, as: person)
        let checks = try JSONParser.parse(Array(json.output.utf8), limits: .reply)["checks"]?.arrayValue ?? []
        let shown = try stage.migctl(["doctor"] + options, as: person)
        #expect(shown.code == json.code)
        let names = checks.compactMap { $0["name"]?.stringValue }
        #expect(Set(names).count == names.count)
        for check in checks {
            #expect(["ok", "warning", "bad"].contains(check["state"]?.stringValue))
            #expect(shown.output.contains(check["finding"]?.stringValue ?? "-"), "\(shown.output)")
            // What is not right comes with what to do, or with whom to ask.
            #expect(check["state"]?.stringValue == "ok" || check["fix"] != nil, "\(check.text())")
        }
        return Look(
            rows: Dictionary(zip(names, checks)) { $1 }, names: names, code: json.code, text: json.output + shown.output
        )
    }

    /// Who may read neither records nor policy nor what is others' learns no path.
    private func expectNoPath(_ look: Look, _ stage: Stage) {
        #expect(!look.text.contains("/"), "\(look.text)")
    }

    @Test func `a machine that is well`() throws {
        let stage = try Stage(
            machine: ["--gpu", "NVIDIA A100-SXM4-40GB", "--mig", "--module", "NVreg_ModifyDeviceFiles=0"],
            policy: LabPolicy.text)
        try Files.makeDirectories(stage.ownJournal)
        let journal = try JournalReader(at: "\(stage.ownJournal)/socket")
        let daemon = try stage.startDaemon(["--audit-heads", "\(stage.path)/heads"])
        try daemon.waitUntil("the heads are noted") {
            try look(stage, as: Stage.root).finding("heads").contains("record")
        }
        let root = try look(stage, as: Stage.root)
        #expect(
            root.names == [
                "broker", "driver", "isolation", "nodes", "policy", "audit", "seal", "journal", "heads", "clock",
            ])
        for name in root.names { #expect(root.state(name) == (name == "seal" ? "warning" : "ok"), "\(root.text)") }
        #expect(root.code == 0)
        #expect(root.finding("driver").contains("580.") || root.finding("driver").contains("driver 5"), "\(root.text)")
        #expect(root.finding("isolation").hasPrefix("enforced"))
        #expect(root.fix("seal") == "stop migbrokerd, then migbrokerd --init-audit-key")
        let alice = try look(stage, as: Stage.alice)
        #expect(alice.names == root.names.filter { $0 != "nodes" })
        for name in alice.names { #expect(alice.state(name) == root.state(name)) }
        expectNoPath(alice, stage)
        let quiet = try stage.migctl(["-q", "doctor"], as: Stage.root)
        #expect(quiet.output.contains("seal") && !quiet.output.contains("clock"), "only what is not right")
        _ = try journal.finish()
        #expect(try stage.migctl(["doctor", "please"], as: Stage.root).code == 2)
    }

    @Test func `isolation that a user can get around, and the command that ends that`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let root = try look(stage, as: Stage.root)
        #expect(root.state("isolation") == "warning" && root.code == 0)
        #expect(root.fix("isolation").contains("NVreg_ModifyDeviceFiles=0"))
        let alice = try look(stage, as: Stage.alice)
        #expect(alice.state("isolation") == "warning" && alice.finding("isolation").hasPrefix("advisory"))
        expectNoPath(alice, stage)
        _ = daemon
    }

    @Test func `a node that is missing`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let nodes = "\(stage.machine)/dev/nvidia-caps"
        let victim = "nvidia-cap12"
        try Files.remove("\(nodes)/\(victim)")
        let root = try look(stage, as: Stage.root)
        #expect(root.state("nodes") == "bad" && root.code == 10, "\(root.text)")
        #expect(root.finding("nodes").hasPrefix("1 of ") && root.finding("nodes").contains(victim))
        #expect(root.fix("nodes") == "migbrokerd --driver \(stage.machine) --make-nodes")
        expectNoPath(try look(stage, as: Stage.alice), stage)
        // The command does what the doctor says of it.
        #expect(
            try stage.run(["\(stage.path)/bin/migbrokerd", "--driver", stage.machine, "--make-nodes"], as: Stage.root)
                .code == 0)
        #expect(try look(stage, as: Stage.root).state("nodes") == "ok")
        _ = daemon
    }

    @Test func `a policy that was rejected, and none at all`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        try Files.write(stage.policy, Array("{ \"version\": 1,\n  \"alow\": [] }".utf8), mode: 0o644)
        #expect(try stage.exchange(Stage.call("ReloadPolicy"), as: Stage.root).error == "PolicyInvalid")
        let root = try look(stage, as: Stage.root)
        #expect(root.state("policy") == "bad" && root.code == 10)
        #expect(root.finding("policy").contains("\(stage.policy):2:11"), "\(root.text)")
        for person in [Stage.alice, Stage.dave] {
            let other = try look(stage, as: person)
            #expect(other.state("policy") == "bad" && other.code == 10)
            #expect(!other.finding("policy").contains("/"))
        }
        #expect(try daemon.stop() == .exited(0))
        let second = try stage.startDaemon()
        for person in [Stage.alice, Stage.root] {
            let nobody = try look(stage, as: person)
            #expect(nobody.finding("policy") == "no policy is in force, so every change is denied")
            expectNoPath(nobody, stage)
        }
        _ = second
    }

    @Test func `a log that cannot be written, a journal that is away and heads that cannot be noted`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let disk = try SmallDisk(stage, mebibytes: 1)
        let daemon = try stage.startDaemon([
            "--journal", "\(stage.path)/none", "--audit-heads", "\(stage.path)/none/heads",
        ])
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 1)
        let root = try look(stage, as: Stage.root)
        #expect(root.code == 10)
        #expect(root.state("audit") == "bad" && root.fix("audit").contains(stage.auditDirectory), "\(root.text)")
        #expect(root.state("journal") == "warning" && root.finding("journal").contains("\(stage.path)/none"))
        #expect(root.state("heads") == "bad" && root.finding("heads").contains("\(stage.path)/none"))
        let alice = try look(stage, as: Stage.alice)
        for name in ["audit", "journal", "heads"] { #expect(alice.state(name) == root.state(name)) }
        expectNoPath(alice, stage)
        _ = (daemon, disk)
    }

    @Test func `a driver that is not there`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        try Files.rename("\(stage.machine)/lib", to: "\(stage.machine)/away")
        let daemon = try stage.startDaemon()
        let root = try look(stage, as: Stage.root)
        #expect(root.state("driver") == "bad" && root.code == 10)
        let alice = try look(stage, as: Stage.alice)
        #expect(alice.finding("driver") == "the driver does not answer")
        expectNoPath(alice, stage)
        _ = daemon
    }

    @Test func `no broker, and one that is not root's`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let none = try look(stage, as: Stage.alice)
        #expect(none.names == ["broker"] && none.state("broker") == "bad" && none.code == 10)
        #expect(none.finding("broker").contains("no broker listens"))
        let socket = "\(stage.path)/impostor"
        try Files.makeDirectory(socket)
        try Files.setMode(socket, 0o777)
        let script = """
            import os, socket, sys, time
            s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1] + "/new"); s.listen(5)
            os.chmod(sys.argv[1] + "/new", 0o777); os.rename(sys.argv[1] + "/new", sys.argv[1] + "/socket")
            time.sleep(1000)
            """
        let impostor = try stage.start(["python3", "-c", script, socket], as: Stage.carol)
        try impostor.waitUntil("somebody listens") { Files.exists("\(socket)/socket") }
        let fooled = try look(stage, as: Stage.root, ["--socket", "\(socket)/socket"])
        #expect(fooled.state("broker") == "bad" && fooled.code == 10)
        #expect(fooled.finding("broker").contains("uid 2003, not root"), "\(fooled.text)")
    }
}
