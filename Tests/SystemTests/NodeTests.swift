import JSON
import Linux
import TestSupport
import Testing

/// Device nodes against those who would have more of them than their leases give (threats T38, T39, T41, T42).
@Suite("Nodes of a running system", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct NodeTests {
    /// What setuid nvidia-modprobe does for any user: it resets the node of a capability to what the driver says.
    private func reset(_ stage: Stage, _ capability: String, as person: Stage.Person) throws {
        let ran = try stage.migsim(
            "modprobe", ["-f", "/proc/driver/nvidia/capabilities/\(capability)/access", "--as", "\(person.uid)"])
        #expect(ran.code == 0, "\(ran.errors)")
    }

    private func lease(_ stage: Stage, _ profile: String, as person: Stage.Person) throws -> (
        gi: Int64, nodes: [String]
    ) {
        let command = try stage.migctl(["request", profile], as: person)
        #expect(command.code == 0, "\(command.errors)")
        let device = try #require(try stage.objects(["devices"], "devices", as: person).first)
        return (try #require(device["gi"]?.integerValue), try #require(try stage.nodes(of: person).first))
    }

    private static let allowing = ["--gpu", "NVIDIA A100-SXM4-40GB", "--mig"]
    /// With a driver that lets no program make or change a node.
    private static let forbidding = allowing + ["--module", "NVreg_ModifyDeviceFiles=0"]

    @Test func `a granted node that some user resets is repaired, on record, and its owner keeps it`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let (gi, nodes) = try lease(stage, "2g.10gb", as: Stage.alice)
        for (node, capability) in zip(nodes, ["gpu0/mig/gi\(gi)", "gpu0/mig/gi\(gi)/ci0"]) {
            #expect(try stage.opens(node, as: Stage.carol) == .refused)
            let before = try stage.records("node-repaired").count
            try reset(stage, capability, as: Stage.carol)
            try daemon.waitUntil("the node is as it was") {
                try Files.attributes(node).mode == 0o440 && stage.opens(node, as: Stage.carol) == .refused
            }
            try daemon.waitUntil("that is on record") { try stage.records("node-repaired").count > before }
            let record = try #require(try stage.records("node-repaired").last)
            #expect(record["params"]?.stringValue == node)
            #expect(record["reason"]?.stringValue?.hasSuffix("must be granted to uid 2001") == true, "\(record.text())")
            #expect(record["reason"]?.stringValue?.hasPrefix("had mode 0444") == true, "\(record.text())")
            #expect(try stage.opens(node, as: Stage.alice) == .allowed)
        }
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 0)
    }

    @Test func `whatever is done to a node by its owner root is undone by the next look`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let (_, nodes) = try lease(stage, "2g.10gb", as: Stage.alice)
        let free = try #require(try stage.node("gpu0/gi14/access"))
        for damage in [0o000, 0o444, 0o666, 0o640] as [UInt32] {
            for node in nodes + [free] { try Files.setMode(node, damage) }
            for (node, mode) in [(nodes[0], UInt32(0o440)), (nodes[1], 0o440), (free, 0o400)] {
                try daemon.waitUntil("\(node): mode \(String(damage, radix: 8)) is undone") {
                    try Files.attributes(node).mode == mode
                }
                #expect(try stage.opens(node, as: Stage.carol) == .refused)
            }
        }
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .allowed) }
        #expect(try stage.records("node-repaired").count == 12)
    }

    /// What is done to a node, as a script with its path as `$1`, and what is then said of it.
    struct Damage: Sendable, CustomTestStringConvertible {
        let script: String
        /// NODE stands for the path.
        let problem: String
        let testDescription: String

        init(_ name: String, _ script: String, _ problem: String) {
            testDescription = name
            self.script = script
            self.problem = problem
        }
    }

    private static let damages = [
        Damage("missing", "rm $1", "NODE is missing"),
        Damage("a regular file", "rm $1; : > $1; chmod 0400 $1", "NODE is a regular file"),
        Damage("a symbolic link to another node", "mv $1 $1.x; ln -s $1.x $1", "NODE is a symbolic link"),
        Damage("a directory", "rm $1; mkdir -m 0400 $1", "NODE is a directory"),
        Damage("of another major", "rm $1; mknod -m 0400 $1 c 1 3", "NODE is device 1:3, and must be "),
        Damage("a block device", "rm $1; mknod -m 0400 $1 b 7 0", "NODE is a block device"),
        Damage("a FIFO", "rm $1; mkfifo -m 0400 $1", "NODE is a FIFO"),
        Damage("a user's", "chown 2003 $1", "NODE is owned by 2003:0, not by root"),
        Damage("hard-linked", "ln $1 $1.x", "NODE has 2 hard links"),
    ]

    @Test(arguments: damages)
    func `while a node is not what it must be nothing is made, and the fix that is named is one`(
        damage: Damage
    ) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let node = try #require(try stage.node("gpu0/gi3/ci0/access"))
        #expect(try stage.run(["sh", "-ec", damage.script, "sh", node], as: Stage.root).code == 0)
        let command = try stage.migctl(["request", "1g.5gb"], as: Stage.alice)
        #expect(command.code == 1)
        let lines = command.errors.split(separator: "\n")
        try #require(lines.count == 3, "\(command.errors)")
        #expect(lines[0] == "migctl: cannot get 1g.5gb")
        let problem = damage.problem.replacing("NODE", with: node)
        #expect(lines[1].hasPrefix("migctl: DeviceGateClosed: \(problem)"), "\(command.errors)")
        #expect(try stage.machine().instances == 0)
        #expect(try stage.records("intent").isEmpty)
        #expect(try stage.records("denied").contains { $0["error"]?.stringValue == "DeviceGateClosed" })
        // The third line is a command for root, to be typed as it stands; it also leaves no second name behind.
        let fix = String(lines[2].dropFirst("migctl: ".utf8.count))
        let fixed = try stage.run(
            ["sh", "-ec", fix], as: Stage.root, environment: ["PATH=\(stage.path)/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        #expect(fixed.code == 0, "\(fix): \(fixed.errors)")
        let again = try stage.migctl(["request", "1g.5gb"], as: Stage.alice)
        #expect(again.code == 0, "\(fix): \(again.errors)")
        _ = daemon
    }

    @Test func `a node is gone while its lease lives, and the lease still ends`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let (_, nodes) = try lease(stage, "2g.10gb", as: Stage.alice)
        #expect(try stage.migctl(["request", "1g.5gb", "--for", "2s"], as: Stage.bob).code == 0)
        let others = try stage.nodes(of: Stage.bob).joined()
        for node in others { try Files.remove(node) }
        try daemon.waitUntil("bob's lease has ended") { try stage.machine().instances == 1 }
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .allowed) }
        #expect(try stage.leases(of: Stage.bob) == [])
    }

    /// How a lease comes to its end.
    enum End: String, CaseIterable { case release, expiry, restart }

    @Test(arguments: End.allCases, [true, false])
    func `from the end of a lease on its owner is refused, also while the next one has the slot`(
        end: End, isEnforced: Bool
    ) throws {
        let stage = try Stage(machine: isEnforced ? Self.forbidding : Self.allowing, policy: LabPolicy.text)
        var daemon = try stage.startDaemon()
        try stage.allowWholeGPU()
        let time = end == .release ? [] : ["--for", "2s"]
        #expect(try stage.migctl(["request", "7g.40gb"] + time, as: Stage.alice).code == 0)
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)
        let sampler = try Sampler(nodes, on: stage, as: Stage.alice)
        try daemon.waitUntil("she is seen to have access") { try sampler.samples().contains { $0.said == "allowed" } }
        switch end {
        case .release: #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        case .expiry: break
        case .restart:
            daemon.end()
            Clock.sleep(milliseconds: 2100)
            daemon = try stage.startDaemon()
        }
        try daemon.waitUntil("the instance is gone") { try stage.machine().instances == 0 }
        let ended = Clock.monotonic()
        var requests: [ClosedRange<Int64>] = []
        for _ in 0..<3 {
            let began = Clock.monotonic()
            #expect(try stage.migctl(["request", "7g.40gb"], as: Stage.bob).code == 0)
            requests.append(began...Clock.monotonic())
            #expect(try stage.nodes(of: Stage.bob) == [nodes])
            for node in nodes { #expect(try stage.opens(node, as: Stage.bob) == .allowed) }
            #expect(try stage.migctl(["release", "--all"], as: Stage.bob).code == 0)
        }
        let after = try sampler.samples().filter { $0.began > ended }
        #expect(after.count > 100)
        let open = after.filter { $0.said != "refused" }
        if isEnforced {
            #expect(open.isEmpty)
        } else {
            // Where the driver's library may change modes it opens what it makes to everybody, and the broker closes it
            // again: a gap of microseconds, for which isolation is called advisory. Nothing else is open at any time.
            #expect(open.allSatisfy { sample in requests.contains { $0.contains(sample.began) } })
        }
    }

    @Test func `where the driver forbids to change nodes no user can reset one, and the lease says enforced`() throws {
        let stage = try Stage(machine: Self.forbidding, policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["whoami"], as: Stage.carol).output.contains("enforced"))
        let (gi, nodes) = try lease(stage, "2g.10gb", as: Stage.alice)
        #expect(try stage.objects(["leases"], "leases", as: Stage.alice).first?["isolation"]?.stringValue == "enforced")
        for capability in ["gpu0/mig/gi\(gi)", "gpu0/mig/gi\(gi)/ci0"] {
            try reset(stage, capability, as: Stage.carol)
            for node in nodes { #expect(try stage.opens(node, as: Stage.carol) == .refused) }
        }
        // Nor can he make one that is missing.
        try Files.remove("\(stage.machine)/dev/nvidia-caps/nvidia-cap2")
        let refused = try stage.migsim(
            "modprobe", ["-f", "/proc/driver/nvidia/capabilities/mig/monitor", "--as", "\(Stage.carol.uid)"])
        #expect(refused.code == 1 && refused.errors.contains("forbids"), "\(refused.errors)")
        #expect(try stage.records("node-repaired").isEmpty)
        #expect(try stage.records("outcome").allSatisfy { $0["isolation"]?.stringValue == "enforced" })
        _ = daemon
    }

    @Test func `where programs may change nodes, whoami and the lease say advisory`() throws {
        let stage = try Stage(machine: Self.allowing, policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["whoami"], as: Stage.carol).output.contains("advisory"))
        _ = try lease(stage, "2g.10gb", as: Stage.alice)
        #expect(try stage.objects(["leases"], "leases", as: Stage.alice).first?["isolation"]?.stringValue == "advisory")
        _ = daemon
    }
}

/// A process that opens nodes again and again as one person, and writes down each time what the kernel said.
private struct Sampler {
    struct Sample {
        /// On CLOCK_MONOTONIC.
        let began: Int64
        let said: String
    }

    private let process: KeptProcess
    private let log: String

    init(_ nodes: [String], on stage: Stage, as person: Stage.Person) throws {
        let directory = "\(stage.path)/samples"
        try Files.makeDirectory(directory)
        try Files.setMode(directory, 0o777)
        log = "\(directory)/log"
        let script = """
            import errno, os, sys, time
            out = open(sys.argv[1], "w", buffering=1)
            while True:
                for node in sys.argv[2:]:
                    began = time.monotonic_ns()
                    try: os.close(os.open(node, os.O_RDONLY)); said = "allowed"
                    except OSError as e: said = {errno.EACCES: "refused", errno.EPERM: "refused", errno.ENXIO: "allowed"}.get(e.errno, e.strerror.replace(" ", "_"))
                    out.write(f"{began} {said}\\n")
                time.sleep(0.001)
            """
        process = try stage.start(["python3", "-c", script, log] + nodes, as: person)
    }

    func samples() throws -> [Sample] {
        guard Files.exists(log) else { return [] }
        let text = String(decoding: try Files.read(log, limit: 64 << 20), as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ")
            guard parts.count == 2, let began = Int64(parts[0]) else {
                return nil
            }
            return Sample(began: began, said: String(parts[1]))
        }
    }
}

extension Stage {
    /// The node of a capability by its name in the driver's table of minors.
    fileprivate func node(_ name: String) throws -> String? {
        let table = try Files.read("\(machine)/proc/driver/nvidia-caps/mig-minors", limit: 1 << 20)
        let lines = String(decoding: table, as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasPrefix("\(name) ") }.map { line in
            "\(machine)/dev/nvidia-caps/nvidia-cap\(line.dropFirst(name.count + 1))"
        }
    }

    /// Gives `ml` the whole GPU too, so that the next owner can get no other slot.
    fileprivate func allowWholeGPU() throws {
        let text = LabPolicy.text.replacing("3g.20gb", with: "7g.40gb").replacing(
            #""slices": 4"#, with: #""slices": 7"#)
        try Files.replace(policy, with: Array(text.utf8), mode: 0o644)
        guard try exchange(Stage.call("ReloadPolicy"), as: Stage.root).reply != nil else {
            throw StageError(what: "the policy was not loaded")
        }
    }
}
