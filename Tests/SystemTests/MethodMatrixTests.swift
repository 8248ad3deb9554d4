import JSON
import Linux
import TestSupport
import Testing

/// Every method of the interface against callers who have no right to anything (threat T15 of facts/security.md).
@Suite("Methods and rights", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct MethodMatrixTests {
    /// What a method takes to be refused for want of a right and for nothing else; LEASE stands for the caller's own
    /// and SEAT for where its instance is.
    private static let rows: [String: (parameters: String, isPublic: Bool, more: String)] = [
        "ListGPUs": ("{}", false, ""),
        "ListProfiles": (#"{"gpu":"0"}"#, false, ""),
        "ListInstances": ("{}", false, ""),
        "ListDevices": ("{}", false, ""),
        "ListLeases": ("{}", false, ""),
        "GetOperation": (#"{"operation":"00000000000000000000000000000000"}"#, false, ""),
        "WhoAmI": ("{}", true, ""),
        "GetHealth": ("{}", true, ""),
        "Explain": (#"{"action":"request"}"#, true, ""),
        "Monitor": ("{}", false, #","more":true"#),
        "Request": (#"{"profiles":["1g.5gb"]}"#, false, ""),
        "Renew": (#"{"lease":"LEASE"}"#, false, ""),
        "Release": (#"{"leases":["LEASE"]}"#, false, ""),
        "CreateGPUInstances": (#"{"profiles":["1g.5gb"]}"#, false, ""),
        "DestroyGPUInstances": (#"{"instances":[{SEAT}]}"#, false, ""),
        "CreateComputeInstances": (#"{"instances":[{SEAT}]}"#, false, ""),
        "DestroyComputeInstances": (#"{"computeInstances":[{SEAT,"ci":0}]}"#, false, ""),
        "SetMIGMode": (#"{"enabled":false}"#, false, ""),
        "QueryAudit": ("{}", false, ""),
        "QueryUsage": ("{}", false, ""),
        "VerifyAudit": ("{}", false, ""),
        "ExplainRecord": (#"{"seq":1}"#, false, ""),
        "CheckPolicy": ("{}", false, ""),
        "ReloadPolicy": ("{}", false, ""),
    ]

    /// A way in which a caller comes to have no rights.
    struct Setting: Sendable, CustomTestStringConvertible {
        let name: String
        /// Nil is no file at all.
        let policy: String?
        var person = Stage.alice
        var testDescription: String { name }
    }

    private static let everything = """
        ["read.own", "read.all", "request", "renew.own", "renew.any", "release.own", "release.any", "audit.read",
         "policy.read", "policy.reload", "gi.create", "gi.destroy.own", "gi.destroy.any", "ci.create",
         "ci.destroy.own", "ci.destroy.any", "mode.set"]
        """

    static let settings = [
        Setting(name: "no policy file", policy: nil),
        Setting(name: "no rule", policy: #"{ "version": 1 }"#),
        Setting(
            name: "everything denied",
            policy: """
                { "version": 1, "allow": [ { "id": "all", "who": { "groups": ["ml"] }, "actions": \(everything) } ],
                  "deny": [ { "id": "none", "who": { "groups": ["ml"] }, "actions": \(everything) } ] }
                """),
        Setting(
            name: "allowed in containers only",
            policy: """
                { "version": 1, "allow": [ { "id": "inside", "who": { "groups": ["ml"] }, "from": "container",
                  "actions": \(everything) } ] }
                """),
        Setting(
            name: "denied on the host",
            policy: """
                { "version": 1, "allow": [ { "id": "all", "who": { "groups": ["ml"] }, "actions": \(everything) } ],
                  "deny": [ { "id": "not-here", "who": { "users": ["alice"] }, "from": "host",
                              "actions": \(everything) } ] }
                """),
        Setting(
            name: "a session without the group",
            policy: """
                { "version": 1, "allow": [ { "id": "all", "who": { "groups": ["ml"] }, "actions": \(everything) } ] }
                """, person: Stage.alice.without(group: Stage.ml)),
        Setting(
            name: "root, whom no rule names",
            policy: """
                { "version": 1, "allow": [ { "id": "all", "who": { "groups": ["ml"] }, "actions": \(everything) } ] }
                """, person: Stage.root),
    ]

    @Test func `every method of the interface has its row, and no row is without its method`() {
        #expect(Self.rows.keys.sorted() == InterfaceMethod.all.map(\.name).sorted())
        #expect(Self.rows.filter(\.value.isPublic).keys.sorted() == ["Explain", "GetHealth", "WhoAmI"])
    }

    @Test(arguments: settings)
    func `without a right only the public methods answer`(setting: Setting) throws {
        let stage = try Stage(policy: LabPolicy.text)
        // The caller has a lease from better days, so that nothing is refused merely because it is not there.
        let before = try stage.startDaemon()
        let owner = setting.person.uid == 0 ? Stage.root : Stage.alice
        #expect(try stage.migctl(["request", "1g.5gb"], as: owner).code == 0)
        let granted = try #require(try stage.objects(["leases"], "leases", as: owner).first)
        let lease = try #require(granted["id"]?.stringValue)
        let seat = "\"gpu\":\"0\",\"gi\":\(try #require(granted["gi"]?.integerValue))"
        #expect(try before.stop() == .exited(0))
        try Files.remove(stage.policy)
        if let policy = setting.policy { try Files.write(stage.policy, Array(policy.utf8), mode: 0o644) }
        let daemon = try stage.startDaemon()

        let rows = Self.rows.sorted { $0.key < $1.key }
        let calls = rows.map { name, row in
            Stage.call(name, row.parameters.replacing("LEASE", with: lease).replacing("SEAT", with: seat), row.more)
        }
        for (row, answer) in zip(rows, try stage.exchange(calls, as: setting.person)) {
            let (name, (_, isPublic, _)) = row
            if isPublic {
                #expect(answer.reply != nil, "\(name): \(answer)")
            } else {
                #expect(answer.error == "NotAuthorized", "\(name): \(answer)")
            }
        }
        try checkOthers(stage, setting.person)
        // Nothing was made, renewed or ended.
        #expect(try stage.machine().instances == 1)
        #expect(try stage.records("intent").count == 1)
        #expect(try stage.records("lease-end").isEmpty)
        _ = daemon
    }

    /// What stays public, what of it says nothing about others, and what the caller is told of himself.
    private func checkOthers(_ stage: Stage, _ person: Stage.Person) throws {
        let answers = try stage.exchange(
            [
                Stage.call("org.varlink.service.GetInfo"),
                Stage.call("org.varlink.service.GetInterfaceDescription", #"{"interface":"io.migbroker.Broker"}"#),
                Stage.call("Explain", #"{"action":"request","user":"bob"}"#),
                Stage.call("Explain", #"{"action":"request","user":"nobody-of-that-name"}"#),
                Stage.call("WhoAmI"), Stage.call("Explain", #"{"action":"request"}"#),
            ], as: person)
        #expect(answers[0].reply != nil && answers[1].reply != nil)
        // Whether there is such a user is not told either.
        #expect(answers[2].error == "NotAuthorized")
        #expect(answers[2] == answers[3])
        #expect(answers[4].reply?["rights"] == .array([]), "\(answers[4])")
        #expect(answers[4].reply?["uid"]?.integerValue == Int64(person.uid))
        let decision = answers[5].reply?["decision"]
        #expect(decision?["allowed"]?.boolValue == false, "\(answers[5])")
        #expect(decision?["reason"]?.stringValue?.isEmpty == false)
    }
}
