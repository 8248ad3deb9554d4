import Linux
import MIG
import Policy
import Testing

@Suite struct ShippedPolicyTests {
    private static let root = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))

    private static func shipped(_ name: String) throws -> PolicyFile {
        let path = "\(root)/policy/\(name)"
        return PolicyFile(path: path, bytes: try Files.read(path))
    }

    /// The default with its lines for a group put in force, as the comments in it say.
    private static func uncommented(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let body = line.drop { $0 == " " }
            let isCode = ["// {", "// }", "// ,", "//   \"", "//   // ,"].contains { body.hasPrefix($0) }
            return isCode ? String(body.drop { $0 == "/" || $0 == " " }) : String(line)
        }.joined(separator: "\n")
    }

    /// Knows every name, and root as what he is.
    private static let everybody = NameResolver(
        user: { .found($0 == "root" ? .root : UserID(number($0))) }, group: { .found(GroupID(number($0))) },
        zone: { (name) throws(TimeZoneError) in if let name { try TimeZone.named(name) } else { .utc } })

    private static func number(_ name: String) -> UInt32 {
        name.utf8.reduce(1) { ($0 * 31 + UInt32($1)) % 60_000 } + 1000
    }

    private static let examples: [String] =
        (try? Files.list("\(root)/policy/examples"))?.filter { !$0.hasSuffix(".cases.json") } ?? []

    @Test(arguments: ["policy.json"] + examples.map { "examples/\($0)" })
    func `a shipped policy loads without a warning`(_ name: String) throws {
        #expect(PolicyCheck.findings(in: [try Self.shipped(name)], names: Self.everybody) == [])
    }

    @Test(arguments: examples)
    func `an example comes to what its cases say, and no rule of it is without one`(_ name: String) throws {
        let cases = try Self.shipped("examples/\(name.dropLast(".json".count)).cases.json")
        let outcome = try PolicyCases(cases, names: Names.resolver).run(on: [try Self.shipped("examples/\(name)")])
        #expect(outcome.failures.map(\.description) == [])
        #expect(outcome.untested == [] && outcome.count >= 10)
    }

    @Test func `there are examples for five kinds of host`() { #expect(Self.examples.count == 5) }

    @Test func `the default gives root on the host everything and nobody else anything`() throws {
        let policy = try PolicySet.load([try Self.shipped("policy.json")], names: Names.resolver)
        for action in Action.allCases {
            let target: Target =
                action == .setMode ? .gpus(try gpus(0)) : .instances([try demand("7g.80gb", gpus(0, 3))])
            #expect(policy.ask(caller(0), action, target).isAllowed)
            for other in [
                caller(0, from: .container), caller(0, from: .unknown), caller(1000, groups: [0, 100, 600]),
                caller(65534), caller(1000, groups: [600], from: .container),
            ] {
                #expect(policy.ask(other, action, target).isAllowed == false)
            }
        }
    }

    @Test func `the default's lines for a group work when uncommented`() throws {
        let text = String(decoding: try Self.shipped("policy.json").bytes, as: UTF8.self)
        let policy = try PolicySet.load([file(Self.uncommented(text))], names: Names.resolver)
        let member = caller(1000, groups: [600])
        #expect(
            policy.rights(of: member, isolation: .enforced).map(\.action) == [
                .readOwn, .request, .renewOwn, .releaseOwn,
            ])
        #expect(
            try policy.request(member, "1g.10gb", on: gpus(0), isolation: .enforced).denial?.reason
                == .denied(rules: ["keep-gpu-0"]))
        #expect(try policy.request(member, "1g.10gb", on: gpus(2), isolation: .enforced).limits == ["gpu-users-each"])
    }

    private static func lab() throws -> PolicySet {
        try PolicySet.load([try shipped("examples/lab-server.json")], names: Names.resolver)
    }

    @Test func `the lab's students take small slices for short`() throws {
        let policy = try Self.lab()
        let student = caller(2000, groups: [200])
        let decision = try policy.request(student, "1g.10gb", on: gpus(0, 2, 3))
        #expect(decision.terms?.gpus == [try gpus(2, 3).map(\.uuid)])
        #expect(decision.terms?.duration == TimeSpan(seconds: 3600))
        #expect(decision.terms?.killsOnExpiry == true)
        #expect(decision.limits == ["students-each", "students-pool"])
        #expect(try policy.request(student, "2g.20gb", on: gpus(2)).denial?.reason == .noRule)
        #expect(
            try policy.request(student, "1g.10gb", on: gpus(0)).denial?.reason == .denied(rules: ["no-students-on-0"]))
        let course = (0..<7).map { index in
            UseEntry(user: UserID(2001 + index), groups: [GroupID(200)], slices: SliceCount(1), memoryMiB: 10240)
        }
        #expect(
            try policy.request(student, "1g.10gb", on: gpus(2), use: course).denial?.reason
                == .quotaExceeded(limit: "students-pool", scope: .group, dimension: .slices, used: 7, asked: 1, max: 7))
        for action in [Action.readAll, .releaseAny, .createGPUInstance, .setMode, .readAudit, .readPolicy, .actAs] {
            #expect(policy.rights(of: student).map(\.action).contains(action) == false)
        }
    }

    @Test func `the lab's other groups have their own work`() throws {
        let policy = try Self.lab()
        let researcher = caller(3000, groups: [100])
        #expect(try policy.request(researcher, "4g.40gb", on: gpus(0), for: TimeSpan(seconds: 3 * 86400)).isAllowed)
        #expect(try policy.request(researcher, "7g.80gb", on: gpus(0)).isAllowed == false)
        #expect(policy.ask(researcher, .releaseAny, .instances([try demand("1g.10gb", gpus(2))])).isAllowed == false)
        let admin = caller(4000, groups: [400])
        #expect(policy.ask(admin, .setMode, .gpus(try gpus(0, 1, 2, 3))).isAllowed)
        #expect(
            policy.ask(caller(4000, groups: [400], from: .container), .setMode, .gpus(try gpus(0))).isAllowed == false)
        #expect(policy.ask(admin, .destroyAnyGPUInstance, .instances([try demand("7g.80gb", gpus(0))])).isAllowed)
        let auditor = caller(5000, groups: [500])
        #expect(policy.rights(of: auditor).map(\.action) == [.readOwn, .readAll, .readAudit, .readPolicy])
    }

    /// A policy cut short must never hold: what was cut away might have been a deny.
    @Test(arguments: ["policy.json"] + examples.map { "examples/\($0)" })
    func `an example cut at any byte is refused or says the same`(_ name: String) throws {
        let whole = try Self.shipped(name)
        let end = try #require(whole.bytes.lastIndex(of: UInt8(ascii: "}")))
        var loaded: [Int] = []
        for length in 0..<whole.bytes.count {
            let cut = PolicyFile(path: whole.path, bytes: Array(whole.bytes.prefix(length)))
            do throws(PolicyErrors) {
                _ = try PolicySet.load([cut], names: Names.resolver)
                loaded.append(length)
            } catch {
                continue
            }
        }
        #expect(loaded.allSatisfy { $0 > end }, "\(loaded.prefix(5))")
    }
}
