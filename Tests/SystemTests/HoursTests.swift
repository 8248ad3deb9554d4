import Audit
import JSON
import Linux
import MIG
import TestSupport
import Testing

/// Rules that count in some hours only, from the policy file to what a user is told.
@Suite("Hours", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct HoursTests {
    /// Days of the week by UTC, which the rule names: so many days from now.
    private static func weekday(_ ahead: Int64) -> String {
        let day = Clock.wall().secondsSinceEpoch / 86_400 + ahead
        return ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int(day % 7)]
    }

    private static func policy(_ during: String) -> String {
        """
        { "version": 1,
          "allow": [ { "id": "class", "who": { "users": ["alice"] }, "actions": ["request"], "during": "\(during)" },
                     { "id": "root", "who": { "users": ["root"] }, "actions": ["read.own", "read.all", "policy.reload"] },
                     { "id": "own", "who": { "users": ["alice"] }, "actions": ["read.own", "release.own"] } ],
          "limits": [ { "id": "each", "who": { "users": ["alice"] }, "scope": "user", "instances": 3 } ] }
        """
    }

    @Test func `a user is let in his hours, and out of them told when they are`() throws {
        let never = "\(Self.weekday(2)),\(Self.weekday(3)) UTC"
        // Yesterday to tomorrow, in case the day ends meanwhile.
        let now = "\(Self.weekday(-1)),\(Self.weekday(0)),\(Self.weekday(1)) UTC"
        let stage = try Stage(policy: Self.policy(never))
        let daemon = try stage.startDaemon()
        let refused = try stage.migctl(["request", "1g.5gb"], as: Stage.alice)
        #expect(refused.code == 3)
        #expect(
            refused.errors.contains("rule class allows request of 1g.5gb only \(never)"), "\(refused.errors)")
        let known = try stage.migctl(["whoami"], as: Stage.alice).output
        #expect(known.contains("class (\(never))"), "\(known)")
        let explained = try stage.migctl(["explain", "1g.5gb"], as: Stage.alice)
        #expect(explained.code == 3 && explained.output.contains("only \(never)"))
        let denials = try stage.denials(of: Stage.alice)
        #expect(denials.last?.error == "NotAuthorized")

        try stage.reload(Self.policy(now))
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        try stage.reload(Self.policy(never))
        // What he holds he keeps to its end, and may give back.
        #expect(try stage.leases(of: Stage.alice).count == 1)
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `a zone that is not there keeps the policy that held`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let text = Self.policy("Mon-Fri 08:00-20:00 Europe/Atlantis")
        try Files.replace(stage.policy, with: Array(text.utf8), mode: 0o644)
        let answer = try stage.exchange(Stage.call("ReloadPolicy"), as: Stage.root)
        #expect(answer.error == "PolicyInvalid")
        #expect(answer.description.contains(#"zone \"Europe/Atlantis\": there is no such zone"#), "\(answer)")
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        _ = daemon
    }
}
