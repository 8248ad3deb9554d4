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

    @Test func `of instances and modes is done once, also after a restart`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        var daemon = try stage.startDaemon()
        let seat = #"{"gpu":"0","gi":1"#
        let calls = [
            ("CreateGPUInstances", #"{"profiles":["9:0"],"key":"a"}"#, "[0]"),
            ("CreateComputeInstances", #"{"instances":[\#(seat)}],"profiles":["0","0"],"key":"b"}"#, "[2]"),
            ("DestroyComputeInstances", #"{"computeInstances":[\#(seat),"ci":0}],"key":"c"}"#, "[1]"),
            ("DestroyGPUInstances", #"{"instances":[\#(seat)}],"key":"d"}"#, "[]"),
            ("SetMIGMode", #"{"enabled":false,"key":"e"}"#, "[]"),
        ]
        for (method, parameters, seen) in calls {
            let first = try answer(stage, method, parameters, as: Stage.root)
            let operation = try #require(first.reply?["operation"]?.stringValue, "\(first)")
            let before = try stage.machine().text
            for isRestarted in [false, true] {
                if isRestarted {
                    daemon.end()
                    try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
                    daemon = try stage.startDaemon()
                }
                let again = try answer(stage, method, parameters, as: Stage.root)
                #expect(again.reply?["operation"]?.stringValue == operation, "\(method): \(again)")
                #expect(again.reply?["dryRun"]?.boolValue == false)
                #expect(try stage.machine().text == before)
                // The same key for something else.
                let other = parameters.replacing(#""key""#, with: #""dryRun":false,"plan":null,"key""#)
                #expect(try answer(stage, method, other, as: Stage.root).reply?["operation"]?.stringValue == operation)
                let call = #"{"profiles":["19"],"key":"\#(parameters.suffix(3).prefix(1))"}"#
                #expect(try answer(stage, "CreateGPUInstances", call, as: Stage.root).invalidParameter == "key")
                // Its fate can be asked for, by who asked for it.
                let fate = try answer(stage, "GetOperation", #"{"operation":"\#(operation)"}"#, as: Stage.root)
                #expect(fate.reply?["operation"]?["state"]?.stringValue == "done", "\(method): \(fate)")
                #expect(fate.reply?["operation"]?["method"]?.stringValue == method)
                #expect(
                    try answer(stage, "GetOperation", #"{"operation":"\#(operation)"}"#, as: Stage.alice).error
                        == "NotFound")
            }
            let leases = try stage.objects(["leases"], "leases", as: Stage.root)
            let counts = leases.map { $0["uuids"]?.arrayValue?.count ?? 0 }
            #expect("\(counts)" == seen, "\(method)")
            #expect(try stage.violations() == [])
        }
        _ = daemon
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
