import Audit
import Linux
import TestSupport
import Testing

/// Users who flood the broker, each in a way of his own, and one who wants nothing but his answers meanwhile (threats
/// T25 to T31 and T48).
///
/// By default each flood lasts some seconds, and what is held is that every call is answered within one. The campaign
/// (`.ci/flood-campaign`) goes on for longer and holds the design's 100 ms.
@Suite(
    "A flood", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: Command.exists("python3"), "needs python3"), .serialized)
struct FloodTests {
    /// What one user does to the broker, or several, and what he hears.
    struct Flood: Sendable, CustomTestStringConvertible {
        /// As `flood.py` calls it.
        let name: String
        var attackers = [Stage.carol]
        var limits: [String] = []
        /// What the attackers' tally must show: that the flood was one, and met its bound.
        let signs: [String]
        /// What others may hear instead of an answer.
        var mayHear: Set<String> = []
        /// What the daemon may take meanwhile.
        var mebibytes = 16
        /// Long enough for the bound to be met: a second, or more changes than the kernel keeps for a reader.
        var seconds: Double {
            if let campaign = FloodWatch.campaignSeconds { return campaign }
            return isAboutChanges ? 4 : limits.contains { $0.hasSuffix("Seconds=1") } ? 2 : 0.8
        }
        /// Whether there are changes meanwhile, by yet another user.
        var isAboutChanges: Bool { name == "deaf monitors" }
        var testDescription: String { name }
    }

    /// A pace at which a log is soon full.
    private static let fast = ["changesPerSecond=100000", "changeBurst=100000"]

    static let floods = [
        Flood(name: "connections", signs: ["connected"]),
        // All that are not root's: who has a connection keeps it, who comes anew is told why not.
        Flood(name: "hold", attackers: Stage.crowd, signs: ["TooManyRequests"], mayHear: ["new: TooManyRequests"]),
        Flood(name: "drip", limits: ["messageSeconds=1"], signs: ["closed"]),
        Flood(name: "half", limits: ["messageSeconds=1"], signs: ["closed"]),
        Flood(name: "giant", signs: ["closed"]),
        Flood(name: "overlong", signs: ["closed"]),
        Flood(name: "deaf lists", attackers: [Stage.alice], limits: ["idleSeconds=1"], signs: ["closed"]),
        Flood(name: "deaf monitors", attackers: [Stage.alice], limits: ["outputBytes=1000"] + fast, signs: ["closed"]),
        Flood(name: "reads", attackers: [Stage.alice], signs: ["answered"]),
        Flood(name: "one pipeline", signs: ["answered"]),
        Flood(name: "tiny calls", signs: ["answered"]),
        Flood(name: "costly calls", signs: ["org.varlink.service.InvalidParameter"]),
        // Of a build that is not optimised these are too much for their signs to show in so short a time.
        Flood(name: "audits", attackers: [Stage.alice], limits: fast, signs: ["connected"], mebibytes: 32),
        Flood(name: "deaf audits", attackers: [Stage.alice], limits: ["idleSeconds=1"] + fast, signs: ["connected"]),
        Flood(name: "changes", attackers: [Stage.alice], signs: ["TooManyRequests", "NotFound"]),
        Flood(name: "unknown methods", signs: ["org.varlink.service.MethodNotFound"]),
        Flood(name: "malformed", signs: ["closed"]),
        Flood(name: "descriptors", signs: ["answered"]),
    ]

    @Test(arguments: floods)
    func `keeps nobody else waiting, takes no memory and leaves nothing behind`(flood: Flood) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(flood.limits.flatMap { ["--limit", $0] })
        if flood.name.hasSuffix("audits") {
            #expect(try stage.makeChanges(seconds: 2, as: Stage.alice).waitForEnd() == .exited(0))
        }
        let watch = try stage.withstand(flood, daemon)
        for sign in flood.signs { #expect(watch.tally[sign, default: 0] > 0, "\(sign): \(watch.tally)") }
        #expect(Set(watch.errors.keys).subtracting(flood.mayHear) == [])
        for (kind, figures) in watch.latencies {
            #expect(figures.most < 1_000_000, "\(kind): \(figures)")
            if FloodWatch.isCampaign { #expect(figures.p99 < 100_000, "\(kind): \(figures)") }
        }
        #expect(watch.peak.mostResident - watch.before.resident < flood.mebibytes << 10, "\(watch)")
        if !flood.isAboutChanges { #expect(watch.logBytes < 1 << 20) }
        try daemon.waitUntil("all descriptors are closed") {
            try Vitals(of: daemon).descriptors == watch.before.descriptors
        }
        #expect(try stage.migctl(["whoami"], as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        if flood.signs.contains("TooManyRequests") {
            // None of them is missing from the log, though it is small; some that were counted nobody has read.
            #expect(try daemon.stop() == .exited(0))
            let denied = try flood.attackers.flatMap { try stage.denials(of: $0) }
            let count = denied.filter { $0.error == "TooManyRequests" }.reduce(0) { $0 + Int($1.count ?? 1) }
            #expect(count >= watch.tally["TooManyRequests", default: 0])
        }
    }
}
