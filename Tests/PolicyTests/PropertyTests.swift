import JSON
import Linux
import MIG
import Policy
import TestSupport
import Testing

@Suite struct PropertyTests {
    /// How many decisions are held against the second implementation, or what a campaign says (`.ci/policy-campaign`).
    private static let decisions = CurrentProcess.environment("MIGBROKER_DECISIONS").flatMap { Int($0) } ?? 100_000
    private static let atOnce = 10_000

    @Test(.enabled(if: Reference.isThere, "needs python3"))
    func `a second implementation makes the same hundred thousand decisions`() throws {
        var random = SplitMix64(seed: 1)
        let gpus = try (0..<4).map(gpu)
        var kinds: [String: Int] = [:]
        var count = 0
        for _ in 0..<Self.decisions / Self.atOnce {
            let (cases, answers) = try Self.some(&random, gpus)
            let expected = try Reference.answers(to: cases)
            try #require(expected.count == answers.count)
            let differing = zip(answers, expected).filter { $0 != $1 }
            #expect(differing.isEmpty, "\(differing.count): \(differing.prefix(3))")
            count += answers.count
            for answer in answers {
                kinds[
                    answer.split(whereSeparator: { $0 == " " || $0 == ":" }).prefix(2).joined(separator: " "),
                    default: 0] += 1
            }
        }
        #expect(count > 0 && count == Self.decisions)
        // A generator that never allows, or never meets a limit, would prove nothing.
        for beginning in [
            "allowed", "denied noRule", "denied denied", "denied isolation", "denied lease", "denied quota",
            "denied noIdentity", "denied outsideHours",
        ] {
            let met = kinds.filter { $0.key.hasPrefix(beginning) }.values.reduce(0, +)
            #expect(met > count / 200, "\(beginning)")
        }
    }

    /// Random policies with a hundred questions each, and the answers to them.
    private static func some(
        _ random: inout SplitMix64, _ gpus: [GPU]
    ) throws -> (cases: [UInt8], answers: [String]) {
        let frame = gpus.map { gpu in
            #"{"index":\#(gpu.index),"uuid":"\#(gpu.uuid)","pci":"\#(gpu.pci)","name":"\#(gpu.name)"}"#
        }.joined(separator: ",")
        var cases: [UInt8] = []
        var answers: [String] = []
        for _ in 0..<atOnce / 100 {
            let randomPolicy = RandomPolicy(&random)
            let policy = try load(randomPolicy.text)
            var questions: [String] = []
            for _ in 0..<100 {
                let question = try RandomQuestion(&random, gpus: gpus)
                questions.append(question.json.text())
                answers.append(policy.decide(question.query, use: question.use, now: question.now).line(gpus))
            }
            cases += Array(
                #"{"policy":\#(randomPolicy.text),"gpus":[\#(frame)],"questions":[\#(questions.joined(separator: ","))]}"#
                    .utf8)
            cases.append(UInt8(ascii: "\n"))
        }
        return (cases, answers)
    }

    /// Calls `body` with random policies and, for each, some questions.
    private func forRandomCases(
        seed: UInt64, _ body: (RandomPolicy, [RandomQuestion], inout SplitMix64) throws -> Void
    ) throws {
        var random = SplitMix64(seed: seed)
        let gpus = try (0..<4).map(gpu)
        for _ in 0..<200 {
            let policy = RandomPolicy(&random)
            let questions = try (0..<20).map { _ in try RandomQuestion(&random, gpus: gpus) }
            try body(policy, questions, &random)
        }
    }

    private func decisions(_ text: String, _ questions: [RandomQuestion]) throws -> [Decision] {
        let policy = try load(text)
        return questions.map { policy.decide($0.query, use: $0.use, now: $0.now) }
    }

    @Test func `one more deny never allows`() throws {
        try forRandomCases(seed: 2) { policy, questions, random in
            var more = policy
            more.deny.append(RandomPolicy.rule("new", isAllow: false, &random))
            let pairs = zip(try decisions(policy.text, questions), try decisions(more.text, questions))
            #expect(pairs.allSatisfy { before, after in before.isAllowed || !after.isAllowed })
        }
    }

    @Test func `one more allow never denies`() throws {
        try forRandomCases(seed: 3) { policy, questions, random in
            var more = policy
            more.allow.append(RandomPolicy.rule("new", isAllow: true, &random))
            let pairs = zip(try decisions(policy.text, questions), try decisions(more.text, questions))
            #expect(pairs.allSatisfy { before, after in !before.isAllowed || after.isAllowed })
        }
    }

    @Test func `a raised limit never denies`() throws {
        try forRandomCases(seed: 4) { policy, questions, random in
            var more = policy
            more.limits = policy.limits.map { $0.raised(&random) }
            let pairs = zip(try decisions(policy.text, questions), try decisions(more.text, questions))
            #expect(pairs.allSatisfy { before, after in !before.isAllowed || after.isAllowed })
        }
    }

    @Test func `the order of rules changes nothing, not even what is told`() throws {
        try forRandomCases(seed: 5) { policy, questions, random in
            var shuffled = policy
            shuffled.allow.shuffle(using: &random)
            shuffled.deny.shuffle(using: &random)
            shuffled.limits.shuffle(using: &random)
            let whole = try decisions(policy.text, questions)
            #expect(try whole == decisions(shuffled.text, questions))
        }
    }

    @Test func `the borders of files change nothing`() throws {
        try forRandomCases(seed: 6) { policy, questions, _ in
            var first = policy
            var second = policy
            first.deny = []
            first.limits = []
            second.allow = []
            let split = try load(second.text, first.text)
            let whole = try decisions(policy.text, questions)
            #expect(whole == questions.map { split.decide($0.query, use: $0.use, now: $0.now) })
        }
    }

    @Test func `more use never allows`() throws {
        try forRandomCases(seed: 7) { text, questions, random in
            let policy = try load(text.text)
            for (question, other) in zip(questions, questions.reversed()) {
                let before = policy.decide(question.query, use: question.use, now: question.now)
                let after = policy.decide(question.query, use: question.use + other.use, now: question.now)
                #expect(before.isAllowed || !after.isAllowed)
            }
        }
    }

    @Test func `whom no rule with from may concern is decided about alike from anywhere`() throws {
        var concerned = 0
        var unconcerned = 0
        try forRandomCases(seed: 8) { text, questions, _ in
            let policy = try load(text.text)
            for question in questions {
                let query = question.query
                guard !policy.dependsOnOrigin(query.principal) else {
                    concerned += 1
                    continue
                }
                unconcerned += 1
                let decisions = [Origin.host, .container, .unknown].map { origin in
                    var principal = query.principal
                    principal.origin = origin
                    let asked = Query(
                        principal: principal, action: query.action, target: query.target, duration: query.duration,
                        renewals: query.renewals, isolation: query.isolation)
                    return policy.decide(asked, use: question.use, now: question.now)
                }
                #expect(decisions[0] == decisions[1] && decisions[0] == decisions[2])
            }
        }
        #expect(concerned > 100 && unconcerned > 100)
    }
}
