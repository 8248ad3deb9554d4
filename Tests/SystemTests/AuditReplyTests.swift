import JSON
import Linux
import TestSupport
import Testing

/// How much of the log one reply holds.
@Suite(
    "A question about many records", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: Command.exists("python3"), "needs python3"))
struct AuditReplyTests {
    @Test func `is answered whole, part by part or not at all`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=100000", "--limit", "changeBurst=100000"])
        var records: [JSONValue] = []
        while records.count(where: { $0["method"]?.stringValue == "Request" }) <= 200 {
            #expect(try stage.makeChanges(seconds: 1, as: Stage.alice).waitForEnd() == .exited(0))
            records = try stage.records().filter { $0["uid"]?.integerValue == 2001 }
        }
        func ask(_ parameters: String) throws -> WireAnswer {
            try stage.exchange(Stage.call("QueryAudit", parameters), as: Stage.alice)
        }
        for parameters in ["{}", #"{"limit":201}"#, #"{"limit":1000000}"#, #"{"method":"Request"}"#] {
            #expect(try ask(parameters).error == "org.varlink.service.ExpectedMore", "\(parameters)")
        }
        for limit in [1, 199, 200] {
            let reply = try #require(try ask(#"{"limit":\#(limit)}"#).reply)
            #expect(reply["records"]?.arrayValue.map { $0 == Array(records.prefix(limit)) } == true)
        }
        let one = try #require(records.first?["op"]?.stringValue)
        #expect(try ask(#"{"operation":"\#(one)"}"#).reply?["records"]?.arrayValue?.count == 2)
        let shown = try stage.migctl(["audit", "show", "--json"], as: Stage.alice).output.split(separator: "\n")
        #expect(try shown.map { try JSONParser.parse(Array($0.utf8), limits: .record) } == records)
        _ = daemon
    }
}
