import API
import JSON
import Linux
import MIG
import TestSupport
import Testing

/// What `migctl` makes of the broker's answers.
@Suite(
    .enabled(if: BuiltProducts.has("migctl"), "needs the built program migctl"),
    .enabled(if: CurrentProcess.user == .root, "needs root: the client talks to root's socket only"))
struct ClientAnswerTests {
    @Test(arguments: [
        ("NotAuthorized", 3), ("IdentityUnavailable", 3), ("NotFound", 4), ("InUse", 5), ("NoRoom", 6),
        ("QuotaExceeded", 6), ("TooManyRequests", 6), ("PendingReset", 7), ("MIGDisabled", 7), ("Ambiguous", 2),
        ("AuditUnavailable", 1), ("DeviceGateClosed", 1), ("DriverError", 1), ("DriverUnavailable", 1),
        ("PolicyInvalid", 1), ("SomethingNew", 1),
    ])
    func `each word of the broker has its exit status and three lines`(word: String, code: Int) throws {
        let parameters: JSONValue = ["message": "the message", "reason": "the message", "fix": "the fix", "gpus": []]
        let name = BrokerInterface.qualified(word)
        let broker = try CannedBroker(["Request": .error(name, parameters)])
        let run = try broker.migctl(["request", "1g.5gb"])
        #expect(run.code == code)
        #expect(run.output.isEmpty)
        let lines = run.errors.split(separator: "\n")
        #expect((2...3).contains(lines.count) && lines.allSatisfy { $0.hasPrefix("migctl: ") }, "\(run.errors)")
        #expect(lines[0] == "migctl: cannot get 1g.5gb")
        #expect(lines[1] == "migctl: \(word): the message")

        let json = try broker.migctl(["--json", "request", "1g.5gb"])
        #expect(json.code == code)
        let wire = try JSONParser.parse(Array(json.output.utf8), limits: .reply)
        #expect(wire == ["error": .string(name), "parameters": parameters])
    }

    @Test(arguments: [
        ("org.varlink.service.InvalidParameter", 2), ("org.varlink.service.MethodNotFound", 1), ("org.example.Odd", 1),
    ])
    func `errors of Varlink itself are told too`(name: String, code: Int) throws {
        let broker = try CannedBroker(["WhoAmI": .error(name, ["parameter": "uid"])])
        let run = try broker.migctl(["whoami"])
        #expect(run.code == code && run.output.isEmpty)
        #expect(run.errors.hasPrefix("migctl: cannot ask who you are\n"))
    }

    @Test(arguments: ["{}", #"{"gpus":{}}"#, #"{"gpus":[{"index":"0"}]}"#, #"{"gpus":[null]}"#])
    func `an answer of the wrong shape is no answer`(text: String) throws {
        let broker = try CannedBroker(["ListGPUs": .reply(try JSONParser.parse(Array(text.utf8), limits: .reply))])
        let run = try broker.migctl(["gpus"])
        #expect(run.code == 9 && run.output.isEmpty)
        #expect(run.errors.contains("makes no sense"))
    }

    @Test func `json is the reply as it came`() throws {
        let reply: JSONValue = ["leases": [Self.lease(name: "käse")], "unknownToThisVersion": [1, true, .null]]
        let run = try CannedBroker(["ListLeases": .reply(reply)]).migctl(["leases", "--json"])
        #expect(run.code == 0 && run.errors.isEmpty)
        #expect(try JSONParser.parse(Array(run.output.utf8), limits: .reply) == reply)
        #expect(run.output.last == "\n" && run.output.split(separator: "\n").count == 1)
    }

    @Test func `a lease is one row, and its hour is the user's`() throws {
        let reply: JSONValue = ["leases": [Self.lease(name: "train")]]
        let broker = try CannedBroker(["ListLeases": .reply(reply)])
        let lines = try broker.migctl(["leases"], environment: ["TZ=XYZ-2"]).output.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0] == "LEASE     NAME   PROFILE  GPU  UUID                                      UNTIL")
        #expect(lines[1].hasPrefix("0123abcd  train  3g.20gb    1  MIG-\(Self.uuid)  2099-12-31 14:05, in "))
        #expect(try broker.migctl(["leases", "-q"]).output == "\(Self.id)\n")
    }

    @Test func `the slots of a GPU are grouped by who has them until when`() throws {
        let slots = [
            (0, "yours", "2099-12-31T12:05:00Z"), (1, "yours", "2099-12-31T12:05:00Z"),
            (2, "used", "2099-12-31T12:05:00Z"), (3, "free", nil), (4, "external", nil), (5, "free", nil),
            (6, "free", nil), (7, "used", "2099-12-31T13:05:00Z"),
        ].map { Slot(slice: $0.0, state: $0.1, until: $0.2) }
        let gpu = GPUInfo(
            index: 3, uuid: "GPU-\(Self.uuid)", pci: "00000000:07:00.0", name: "NVIDIA A100", memoryMiB: 40960,
            mode: "enabled", pendingMode: "disabled", slots: slots)
        let run = try CannedBroker(["ListGPUs": .reply(ListGPUsReply(gpus: [gpu]).json)]).migctl(["gpus"])
        let lines = run.output.split(separator: "\n").map { $0.split(separator: "  ").map { $0.drop { $0 == " " } } }
        #expect(lines[1][0...4] == ["3", "NVIDIA A100", "40 GiB", "on, off after a reset", "YY#.x..#"])
        #expect(lines[1][5].hasPrefix("0-1 yours until 2099-12-31 12:05, in "))
        #expect(lines[2].last?.hasPrefix("2 in use until 2099-12-31 12:05, in ") == true)
        #expect(lines[3...5].map(\.last) == ["3 free", "4 in use by another tool", "5-6 free"])
        #expect(run.output.split(separator: "\n").allSatisfy { $0.last != " " })
    }

    /// Clears the screen, goes back a line, hides, reverses, breaks the line.
    private static let hostile = "a\u{1B}[2J\u{9B}A\r\n\u{202E}b\u{2066}\u{200B}\u{2028}\u{7F}\u{E000}\t\u{FEFF}"

    @Test func `nothing that others wrote reaches a terminal raw`() throws {
        let text = Self.hostile
        let gpu = GPUReference(uuid: text, index: 0, name: text)
        let place = PlacementInfo(start: 0, size: 1)
        let lease = LeaseInfo(
            id: text, gpu: gpu, gi: 1, ci: 0, profile: text, placement: place, uuid: text, uuids: [text, text],
            user: text, uid: 1,
            created: text, expires: text, state: text, isolation: text, name: text)
        let compute = ComputeInstanceInfo(ci: 0, profile: text, placement: place, uuid: text)
        let record: JSONValue = [
            "type": .string(text), "time": .string(text), "user": .string(text), "method": .string(text),
            "profile": .string(text), "gpu": .string(text), "lease": .string(text), "result": .string(text),
            "error": .string(text), "reason": .string(text), "op": .string(text), "rules": [.string(text)],
        ]
        let plan = PlanInfo(
            id: Self.id,
            steps: [text, "create-gpu-instance", "destroy-compute-instance"].map { action in
                PlanStep(
                    action: action, gpu: gpu, gi: 1, ci: 0, profile: text, placement: place, lease: text, user: text)
            })
        let computeProfile = ComputeProfileInfo(
            name: text, id: 0, slices: 1, multiprocessors: 1, copyEngines: 1, decoders: 1, encoders: 1, jpegEngines: 1,
            opticalFlow: 1, free: 1, total: 1, placements: [place], isWhole: true)
        let decision = DecisionInfo(allowed: false, reason: text, rules: [text], limits: [text], gpus: [gpu])
        let broker = try CannedBroker([
            "ListGPUs": .reply(
                ListGPUsReply(gpus: [
                    GPUInfo(
                        index: 0, uuid: text, pci: text, name: text, memoryMiB: 1, mode: text, pendingMode: "",
                        slots: [Slot(slice: 0, state: text, until: text)])
                ]).json),
            "ListLeases": .reply(ListLeasesReply(leases: [lease]).json),
            "ListInstances": .reply(
                ListInstancesReply(instances: [
                    InstanceInfo(
                        gpu: gpu, gi: 1, profile: text, profileId: 1, placement: place, computeInstances: [compute],
                        computeProfiles: [computeProfile], lease: text, user: text)
                ]).json),
            "ListDevices": .reply(
                ListDevicesReply(devices: [
                    DeviceInfo(
                        uuid: text, gpu: gpu, gi: 1, ci: 0, profile: text, memoryMiB: 1, multiprocessors: 1,
                        nodes: [text], lease: text, user: text)
                ]).json),
            "WhoAmI": .reply(
                WhoAmIReply(
                    uid: 1, user: text, gid: 1, groups: [GroupInfo(gid: 1, name: text)], origin: text,
                    rights: [Right(action: text, rules: [text])],
                    limits: [LimitUse(limit: text, scope: text, dimension: text, used: 0, maximum: 1)],
                    isolation: text, policy: text
                ).json),
            "Explain": .reply(ExplainReply(decision: decision).json),
            "QueryAudit": .reply(["records": [record]]),
            "VerifyAudit": .reply(VerifyAuditReply(valid: false, records: 1, head: text, problem: text).json),
            "ExplainRecord": .reply(
                ExplainRecordReply(
                    seq: 1, policy: text, question: [text], recorded: [text], decision: decision, obstacle: text
                ).json),
            "Request": .reply(
                LeaseReply(
                    dryRun: false, plan: [PlannedInstance(gpu: gpu, profile: text, placement: place)],
                    leases: [lease, lease]
                ).json),
            "SetMIGMode": .reply(
                SetMIGModeReply(
                    dryRun: false, plan: plan, leases: [lease],
                    modes: [ModeEnding(gpu: gpu, state: text, reason: text), ModeEnding(gpu: gpu, state: text)]
                ).json),
            "CreateGPUInstances": .reply(ChangeReply(dryRun: false, plan: plan, leases: [lease]).json),
            "DestroyComputeInstances": .reply(ChangeReply(dryRun: false, plan: plan, leases: [lease]).json),
            "Renew": .error(text, ["message": .string(text)]),
            "Release": .error(BrokerInterface.qualified("NoRoom"), ["message": .string(text), "gpus": []]),
        ])
        let id = String(repeating: "0", count: 32)
        for line in [
            "gpus", "leases --all", "instances --all", "devices --all", "whoami", "explain 1g.5gb", "audit show",
            "audit verify", "request 1g.5gb", "request 1g.5gb --dry-run", "renew \(id)", "release \(id) --yes",
            "instances --profiles", "mode disable --gpu 0 --yes", "mode enable --dry-run", "gi create 9",
            "ci destroy 0:1:0 --yes",
        ] {
            for quiet in [[], ["-q"], ["--json"]] {
                let run = try broker.migctl(quiet + line.split(separator: " ").map(String.init))
                #expect(!run.output.isEmpty || !run.errors.isEmpty)
                #expect((run.output + run.errors).unicodeScalars.allSatisfy(Self.isHarmless), "\(quiet) \(line)")
            }
        }
    }

    @Test func `ids in a table are as long as they must be to differ`() throws {
        let twins = ["0123abcd00", "0123abcd01"].map { Self.lease(id: $0 + Self.id.dropFirst(10)) }
        let run = try CannedBroker(["ListLeases": .reply(["leases": .array(twins)])]).migctl(["leases"])
        #expect(run.output.contains("\n0123abcd00  ") && run.output.contains("\n0123abcd01  "))
    }

    @Test func `a beginning that fits several leases, or none, releases nothing`() throws {
        let twins = ["0123abcd00", "0123abcd01"].map { Self.lease(id: $0 + Self.id.dropFirst(10)) }
        let broker = try CannedBroker([
            "ListLeases": .reply(["leases": .array(twins)]),
            "Release": .reply(["dryRun": false, "leases": .array(twins)]),
        ])
        #expect(try broker.migctl(["release", "0123"]).code == 2)
        #expect(try broker.migctl(["release", "99"]).code == 4)
        #expect(try broker.migctl(["release", "XY"]).code == 2)
        #expect(try broker.migctl(["release", ""]).code == 2)
        #expect(try broker.migctl(["release", "0123abcd01"]).code == 0)
    }

    @Test func `another's lease is not taken away without a yes`() throws {
        let broker = try CannedBroker([
            "ListLeases": .reply(["leases": []]),
            "Release": .reply(["dryRun": true, "leases": [Self.lease(name: "train")]]),
        ])
        let refused = try broker.migctl(["release", Self.id])
        #expect(refused.code == 2 && refused.output.isEmpty)
        #expect(refused.errors.contains("alice") && refused.errors.contains("--yes"))
        #expect(try broker.migctl(["release", Self.id, "--yes"]).code == 0)
    }

    @Test func `waiting ends with its own status when its time is over`() throws {
        let broker = try CannedBroker([
            "Request": .error(BrokerInterface.qualified("NoRoom"), ["message": "full", "gpus": []])
        ])
        let run = try broker.migctl(["request", "1g.5gb", "--wait=1s"])
        #expect(run.code == 8)
        #expect(run.errors.hasPrefix("migctl: waiting: "))
        let denied = try CannedBroker([
            "Request": .error(BrokerInterface.qualified("NotAuthorized"), ["message": "no", "reason": "no"])
        ])
        #expect(
            try denied.migctl(["request", "1g.5gb", "--wait"]).code == 3, "what no waiting changes is told at once")
    }

    private static let id = "0123abcd0123abcd0123abcd0123abcd"
    private static let uuid = "0123abcd-0123-0123-0123-0123456789ab"

    private static func lease(id: String = id, name: String? = nil) -> JSONValue {
        LeaseInfo(
            id: id, gpu: GPUReference(uuid: "GPU-\(uuid)", index: 1, name: "NVIDIA A100"), gi: 2, ci: 0,
            profile: "3g.20gb", placement: PlacementInfo(start: 4, size: 4), uuid: "MIG-\(uuid)",
            uuids: ["MIG-\(uuid)"], user: "alice", uid: 2001, created: "2026-11-23T12:05:00Z",
            expires: "2099-12-31T12:05:00Z", state: "active",
            isolation: "advisory", name: name
        ).json
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A, 0x20..<0x7F: true
        case ..<0xA0: false
        // Private characters look odd, and do nothing.
        default: scalar.properties.generalCategory != .format && ![0x2028, 0x2029].contains(scalar.value)
        }
    }
}
