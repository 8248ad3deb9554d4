import JSON
import Linux
import MIG
import TestSupport
import Testing

@Suite("A repeated call", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct RepeatedCallTests {
    private func answer(_ stage: Stage, _ method: String, _ parameters: String, as person: Stage.Person) throws
        -> WireAnswer
    {
        try #require(try stage.exchange([Stage.call(method, parameters)], as: person).first)
    }

    private static func lease(_ answer: WireAnswer) -> String? {
        answer.reply?["leases"]?.arrayValue?.first?["id"]?.stringValue
    }

    private static let request = #"{"profiles":["1g.5gb"],"key":"k"}"#

    @Test func `is done once, also after a restart and whatever the checkpoint knows`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        var daemon = try stage.startDaemon()
        let first = try answer(stage, "Request", Self.request, as: Stage.alice)
        let lease = try #require(Self.lease(first))
        let renew = #"{"lease":"\#(lease)","seconds":20000,"key":"r"}"#
        let renewed = try answer(stage, "Renew", renew, as: Stage.alice)
        #expect(renewed.reply != nil, "\(renewed)")
        for isCheckpointKept in [true, false] {
            #expect(
                try answer(stage, "Request", Self.request, as: Stage.alice).reply?["operation"]
                    == first.reply?["operation"])
            #expect(try answer(stage, "Renew", renew, as: Stage.alice).reply == renewed.reply)
            #expect(try stage.leases(of: Stage.alice) == [lease])
            daemon.end()
            if !isCheckpointKept { try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json") }
            daemon = try stage.startDaemon()
        }
        let release = #"{"leases":["\#(lease)"],"key":"end"}"#
        let released = try answer(stage, "Release", release, as: Stage.alice)
        #expect(released.reply != nil, "\(released)")
        let again = try answer(stage, "Release", release, as: Stage.alice)
        #expect(again.reply?["operation"] == released.reply?["operation"] && again.reply?["leases"] == [])
        #expect(try stage.machine().instances == 0)
        #expect(try stage.records("outcome").count == 3)
    }

    /// Calls under the key of `request` that ask for something else.
    static let others = [
        ("Request", #"{"profiles":["2g.10gb"],"key":"k"}"#),
        ("Request", #"{"profiles":["1g.5gb"],"count":2,"key":"k"}"#),
        ("Request", #"{"profiles":["1g.5gb"],"seconds":60,"key":"k"}"#),
        ("Request", #"{"profiles":["1g.5gb"],"gpu":"0","key":"k"}"#), ("Request", #"{"memoryMiB":1,"key":"k"}"#),
        ("Renew", #"{"lease":"LEASE","key":"k"}"#), ("Release", #"{"leases":["LEASE"],"key":"k"}"#),
    ]

    @Test func `is refused where its key stands for something else`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let lease = try #require(Self.lease(try answer(stage, "Request", Self.request, as: Stage.alice)))
        for (method, parameters) in Self.others {
            let refused = try answer(stage, method, parameters.replacing("LEASE", with: lease), as: Stage.alice)
            #expect(refused.invalidParameter == "key", "\(method) \(parameters): \(refused)")
        }
        #expect(try stage.leases(of: Stage.alice) == [lease])
        _ = daemon
    }

    @Test func `under another's key is a call of its own, and shows nothing of his`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let alices = try #require(Self.lease(try answer(stage, "Request", Self.request, as: Stage.alice)))
        let bobs = try #require(Self.lease(try answer(stage, "Request", Self.request, as: Stage.bob)))
        #expect(alices != bobs)
        let release = #"{"leases":["\#(alices)"],"key":"end"}"#
        #expect(try answer(stage, "Release", release, as: Stage.alice).reply != nil)
        #expect(try answer(stage, "Release", release, as: Stage.bob).error == "NotFound")
        _ = daemon
    }

    @Test func `is done anew where the first one failed, or was a dry run`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let dryRun = Self.request.replacing("}", with: #","dryRun":true}"#)
        #expect(try answer(stage, "Request", dryRun, as: Stage.alice).reply?["leases"] == [])
        #expect(
            try stage.migsim("fault", ["nvmlDeviceCreateGpuInstanceWithPlacement", "999", "--times", "1"]).code == 0)
        #expect(try answer(stage, "Request", Self.request, as: Stage.alice).error == "DriverError")
        #expect(Self.lease(try answer(stage, "Request", Self.request, as: Stage.alice)) != nil)
        #expect(try stage.machine().instances == 1)
        _ = daemon
    }
}
