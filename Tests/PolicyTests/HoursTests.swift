import Linux
import MIG
import Policy
import Testing

@Suite struct HoursTests {
    /// A moment by the clocks of UTC.
    private static func at(_ text: String) throws -> Timestamp { try #require(Timestamp(text)) }

    private static func isOpen(_ during: String, _ moment: String, in list: String = "allow") throws -> Bool {
        let rule = #"{ "id": "h", "who": { "users": [1000] }, "actions": ["audit.read"], "during": \#(during) }"#
        let always = #"{ "id": "always", "who": { "users": [1000] }, "actions": ["audit.read"] }"#
        let set = try list == "allow" ? policy(allow: rule) : policy(allow: always, deny: rule)
        let query = Query(principal: caller(1000), action: .readAudit)
        let isAllowed = set.decide(query, use: [], now: try at(moment)).isAllowed
        return list == "allow" ? isAllowed : !isAllowed
    }

    /// 2026-11-23 is a Monday.
    private static let days: [(String, String, Bool)] = [
        (#""Mon-Fri""#, "2026-11-23T00:00:00Z", true), (#""Mon-Fri""#, "2026-11-22T23:59:59Z", false),
        (#""Sat,Sun""#, "2026-11-22T23:59:59Z", true), (#""Fri-Mon""#, "2026-11-23T12:00:00Z", true),
        (#""Fri-Mon""#, "2026-11-24T00:00:00Z", false), (#""08:00-20:00""#, "2026-11-22T08:00:00Z", true),
        (#""08:00-20:00""#, "2026-11-22T07:59:59Z", false), (#""08:00-20:00""#, "2026-11-22T20:00:00Z", false),
        (#""Mon 00:00-24:00""#, "2026-11-23T23:59:59Z", true), (#""Mon 00:00-24:00""#, "2026-11-24T00:00:00Z", false),
        // A night belongs to the day on which it began.
        (#""Fri 22:00-06:00""#, "2026-11-28T05:59:59Z", true), (#""Fri 22:00-06:00""#, "2026-11-27T05:00:00Z", false),
        (#""Sun 22:00-06:00""#, "2026-11-23T05:00:00Z", true), (#""Fri 22:00-06:00""#, "2026-11-28T22:00:00Z", false),
        (#"["Mon 08:00-12:00", "Mon 14:00-18:00"]"#, "2026-11-23T13:00:00Z", false),
        (#"["Mon 08:00-12:00", "Mon 14:00-18:00"]"#, "2026-11-23T14:00:00Z", true),
        (#""Mon-Fri 08:00-20:00 Europe/Berlin""#, "2026-11-23T07:00:00Z", true),
        (#""Mon-Fri 08:00-20:00 Europe/Berlin""#, "2026-11-23T06:59:59Z", false),
        (#""Mon-Fri 08:00-20:00 Europe/Berlin""#, "2026-07-06T06:00:00Z", true),
        (#""Mon Pacific/Auckland""#, "2026-11-22T11:00:00Z", true),
    ]

    /// On 29 March 2026 Berlin's clocks go from 2 to 3 at 01:00 UTC, on 25 October from 3 back to 2.
    private static let steps: [(String, String, Bool)] = [
        (#""01:00-03:00 Europe/Berlin""#, "2026-03-29T00:59:59Z", true),
        (#""01:00-03:00 Europe/Berlin""#, "2026-03-29T01:00:00Z", false),
        // An hour that no clock shows.
        (#""02:15-02:45 Europe/Berlin""#, "2026-03-29T00:30:00Z", false),
        (#""02:15-02:45 Europe/Berlin""#, "2026-03-29T01:30:00Z", false),
        (#""03:00-04:00 Europe/Berlin""#, "2026-03-29T01:00:00Z", true),
        // An hour that they show twice.
        (#""02:15-02:45 Europe/Berlin""#, "2026-10-25T00:30:00Z", true),
        (#""02:15-02:45 Europe/Berlin""#, "2026-10-25T01:00:00Z", false),
        (#""02:15-02:45 Europe/Berlin""#, "2026-10-25T01:30:00Z", true),
        (#""Sat 22:00-02:30 Europe/Berlin""#, "2026-10-25T01:15:00Z", true),
    ]

    @Test(arguments: days + steps)
    func `a rule counts in its hours, where it allows and where it denies`(
        during: String, moment: String, isOpen: Bool
    ) throws {
        #expect(try Self.isOpen(during, moment) == isOpen)
        #expect(try Self.isOpen(during, moment, in: "deny") == isOpen)
    }

    @Test func `by a clock that was set back nothing opens and everything that denies counts`() throws {
        let rule = #""who": { "users": [1000] }, "actions": ["audit.read"], "during": "Mon-Sun""#
        let always = #"{ "id": "always", "who": { "users": [1000] }, "actions": ["audit.read"] }"#
        let query = Query(principal: caller(1000), action: .readAudit)
        let closed = try policy(allow: "{ \"id\": \"h\", \(rule) }").decide(query, use: [], now: nil)
        #expect(
            closed.denial?.reason == .outsideHours([RuleHours(rule: "h", during: "Mon-Sun")], isClockTrusted: false))
        let denied = try policy(allow: always, deny: "{ \"id\": \"h\", \(rule) }").decide(query, use: [], now: nil)
        #expect(denied.denial?.reason == .denied(rules: ["h"]))
        #expect(try policy(allow: always).decide(query, use: [], now: nil).isAllowed)
    }

    @Test func `whoever comes at the wrong hour learns the right one, and only of rules that would let him`() throws {
        let set = try policy(
            allow: """
                { "id": "class", "who": { "groups": ["students"] }, "actions": ["request"], "profiles": ["1g.5gb"],
                  "during": ["Mon 08:00-12:00", "Wed 14:00-18:00 Europe/Berlin"] },
                { "id": "staff", "who": { "groups": ["ml"] }, "actions": ["request"], "during": "Tue" }
                """)
        func ask(_ profile: String) throws -> Decision {
            let query = Query(
                principal: caller(1000, groups: [200]), action: .request,
                target: .instances([try demand(profile, try gpus(0))]))
            return set.decide(query, use: [], now: try Self.at("2026-11-23T13:00:00Z"))
        }
        let early = try ask("1g.5gb")
        #expect(early.rules == ["class"])
        #expect(
            early.denial?.why
                == "rule class allows request of 1g.5gb only Mon 08:00-12:00 or Wed 14:00-18:00 Europe/Berlin")
        #expect(early.denial?.next == "ask again in those hours")
        #expect(try ask("2g.10gb").denial?.reason == .noRule)
        #expect(
            set.rights(of: caller(1000, groups: [200])).first?.hours
                == [RuleHours(rule: "class", during: "Mon 08:00-12:00 or Wed 14:00-18:00 Europe/Berlin")])
    }

    @Test func `a deny with hours takes no right for good`() throws {
        let set = try policy(
            allow: #"{ "id": "a", "who": { "users": [1000] }, "actions": ["audit.read"] }"#,
            deny: #"{ "id": "night", "who": { "users": [1000] }, "actions": ["audit.read"], "during": "22:00-06:00" }"#)
        #expect(set.rights(of: caller(1000)).map(\.exceptions) == [["night"]])
    }

    @Test(arguments: [
        "", " ", "Mon-", "-Fri", "mon", "Monday", "Mon-Wed-Fri", "Mon,Mon", "Mon-Fri,Tue", "Mon-Mon",
        "Mon  08:00-20:00",
        "Mon-Fri 8:00-20:00", "Mon-Fri 08:00", "08:00-08:00", "08:00-24:01", "24:00-08:00", "08:60-09:00",
        "08:00-00:00",
        "Europe/Berlin", "Mon-Fri Europe/Berlin 08:00-20:00",
        "Mon-Fri 08:00-20:00 Europe/Berlin x",
        "Mon-Fri /etc/passwd", "Mon-Fri ../localtime", "Mon\u{2013}Fri", "0８:00-20:00",
    ])
    func `what has another form is told to be no hours`(text: String) throws {
        let found = refusals(
            #"{ "version": 1, "allow": [ { "id": "h", "who": { "users": [0] }, "actions": ["request"], "during": "\#(text)" } ] }"#
        )
        #expect(
            found.count == 1 && (found[0].contains("are no hours") || !text.utf8.allSatisfy { $0 < 128 }), "\(found)")
    }

    @Test func `an allow that a deny takes back in the same hours is told`() throws {
        func findings(_ allow: String, _ deny: String) -> [String] {
            func rule(_ id: String, _ during: String) -> String {
                #"{ "id": "\#(id)", "who": { "users": [1000] }, "actions": ["audit.read"]\#(during) }"#
            }
            let text = #"{ "version": 1, "allow": [\#(rule("a", allow))], "deny": [\#(rule("d", deny))] }"#
            return PolicyCheck.findings(in: [file(text)], names: Names.resolver).map(\.message)
        }
        let hours = #", "during": "Mon-Fri""#
        #expect(findings(hours, "").count == 1 && findings(hours, hours).count == 1)
        #expect(findings("", hours).isEmpty && findings(hours, #", "during": "Mon-Thu""#).isEmpty)
    }
}
