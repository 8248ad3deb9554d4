import JSON
import Linux
import MIG
import Policy
import TestSupport
import Testing

/// The schema that editors use says yes and no where the parser does.
@Suite struct SchemaTests {
    private static let root = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))

    /// A python that has PyPI's jsonschema.
    private static let python: String? = {
        let candidates = [CurrentProcess.environment("MIGBROKER_PYTHON"), "python3"].compactMap(\.self)
        return candidates.first { (try? Command.run($0, ["-c", "import jsonschema"]))?.code == 0 }
    }()

    private static let base = """
        { "version": 1,
          "allow": [ { "id": "a", "who": { "users": ["alice", 7], "groups": ["ml"] }, "actions": ["read.own", "request"],
                       "gpus": ["0", "model:NVIDIA H100*"], "profiles": ["3g.40gb", "max-slices:1"], "from": "host",
                       "during": ["Mon-Fri 08:00-20:00 Europe/Berlin", "Sat"], "requireIsolation": true },
                     { "id": "b", "who": { "users": [0] }, "actions": ["mode.set", "audit.read"] } ],
          "deny": [ { "id": "d", "who": { "groups": ["interns"] }, "actions": ["request", "gi.create"], "gpus": ["1"],
                      "profiles": ["7g.80gb"], "from": "container", "during": "22:00-06:00" } ],
          "limits": [ { "id": "l", "who": { "groups": ["ml"] }, "scope": "user", "instances": 2, "slices": 3,
                        "memory": "40GiB", "leaseDefault": "2h", "leaseMax": "8h", "renewals": 3, "onExpiry": "kill" },
                      { "id": "m", "who": { "groups": ["ml"] }, "scope": "group", "slices": 14 } ] }
        """

    /// What is put in place of every value in turn.
    private static let values: [JSONValue] =
        [
            .null, true, 0, -1, 1_000_000, 1_000_001, 65_534, 4_294_967_294, 4_294_967_295, [], [.object([])],
            .object([]),
        ]
        + [
            "", "x", "a b", " a", "a:b", "all", "0", "999", "1000", "01", "model:", "model:*", "0:36:0.0", "36:00",
            "36:zz",
            "GPU-00000000-0000-4000-8000-000000000003", "GPU-1", "max-slices:1", "max-slices:0", "max-slices:65",
            "1g.5gb",
            "1g.5gb+me.all", "1g.5gb+", "1c.3g.20gb", "Mon", "Mon-Fri", "Fri-Mon,Wed", "mon", "Mon-", "08:00-20:00",
            "8:00-20:00", "08:00-24:00", "24:00-08:00", "08:00-00:00", "08:00-08:00", "Sun 22:00-06:00",
            "Mon  08:00-09:00",
            "Mon UTC", "UTC", "Mon ../x", "2h", "0h", "02h", "8", "40GiB", "0TiB", "40GB", "1.5GiB", "request",
            "mode.set",
            "read.own", "audit.read", "*", "host", "unknown", "wait", "stop", "user", "group", "team",
        ].map(JSONValue.string)

    /// The document with one value replaced, or one member left out or added; each in turn.
    private static func variants(of value: JSONValue) -> [JSONValue] {
        switch value.content {
        case .object(let members):
            let without = members.indices.map { index in
                JSONValue.object(members.enumerated().filter { $0.offset != index }.map(\.element))
            }
            let within = members.indices.flatMap { index in
                (variants(of: members[index].value) + values).map { changed in
                    var members = members
                    members[index] = JSONValue.Member(members[index].key, changed)
                    return JSONValue.object(members)
                }
            }
            return without + [.object(members + [JSONValue.Member("more", 1)])] + within
        case .array(let elements):
            return elements.indices.flatMap { index in
                (variants(of: elements[index]) + values).map { changed in
                    var elements = elements
                    elements[index] = changed
                    return JSONValue.array(elements)
                }
            }
        default: return []
        }
    }

    /// A schema knows nothing of what another rule is called.
    private static func repeatsAnID(_ document: JSONValue) -> Bool {
        let ids = ["allow", "deny", "limits"].flatMap { document[$0]?.arrayValue ?? [] }
            .compactMap { $0["id"]?.stringValue.map { Array($0.utf8) } }
        return Set(ids).count < ids.count
    }

    @Test(.enabled(if: python != nil, "needs a python with the package jsonschema (MIGBROKER_PYTHON)"))
    func `thousands of documents are taken and refused by both alike`() throws {
        let base = try JSONParser.parse(Array(Self.base.utf8), limits: .policy)
        let documents = ([base] + Self.variants(of: base)).filter { !Self.repeatsAnID($0) }
        let names = NameResolver(
            user: { _ in .found(UserID(1)) }, group: { _ in .found(GroupID(1)) },
            zone: { (_) throws(TimeZoneError) in .utc })
        let verdicts = documents.map { document in
            (try? PolicySet.load([PolicyFile(path: "p", bytes: document.bytes())], names: names)) != nil
        }
        let lines = documents.map { $0.text(asciiOnly: true) + "\n" }.joined()
        let ran = try Command.run(
            try #require(Self.python),
            [Files.parent(of: #filePath) + "/validate.py", "\(Self.root)/policy/policy.schema.json"], input: lines,
            seconds: 300)
        try #require(ran.code == 0, "\(ran.errors)")
        let answers = ran.output.split(separator: "\n").map { $0 == "1" }
        try #require(answers.count == documents.count)
        let different = zip(documents, zip(verdicts, answers)).filter { $1.0 != $1.1 }
        let told = different.prefix(5).map { "\($0.1.0 ? "taken" : "refused") by the parser: \($0.0.text())" }
        #expect(different.isEmpty, "\(different.count) of \(documents.count): \(told)")
        #expect(verdicts.count { $0 } > 200 && verdicts.count { !$0 } > 200)
    }
}
