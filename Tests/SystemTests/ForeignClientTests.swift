import JSON
import Linux
import TestSupport
import Testing

/// Programs of others, unmodified, beside ours: what they are told and what ours tells must be the same.
@Suite("Foreign clients", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct ForeignClientTests {
    private static func interpreter(having module: String) -> String? {
        let candidates = [CurrentProcess.environment("MIGBROKER_PYTHON"), "python3"].compactMap { $0 }
        // A candidate that cannot be run is one that is not there.
        return candidates.first { (try? Command.run($0, ["-c", "import \(module)"]))?.code == 0 }
    }

    private static let withVarlink = interpreter(having: "varlink")
    private static let withNVML = interpreter(having: "pynvml")

    /// The admin's rights, so that every method can be called with success.
    private static let policy = LabPolicy.text.replacing(
        #""request", "renew.any""#, with: #""request", "renew.own", "renew.any""#)

    private static let prelude = """
        import json, sys
        import varlink
        client = varlink.Client("unix:" + sys.argv[1])
        broker = client.open("io.migbroker.Broker")

        """

    private func play(_ script: String, on stage: Stage, _ person: Stage.Person) throws -> Command {
        try stage.run([try #require(Self.withVarlink), "-c", Self.prelude + script, stage.socket], as: person)
    }

    @Test(.enabled(if: withVarlink != nil, "needs a python with the package varlink (MIGBROKER_PYTHON)"))
    func `python's varlink lists and introspects the broker`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        let script = """
            info = client.get_interfaces()
            for name in info:
                interface = client.get_interface(name)
                print(name, " ".join(sorted(m for m in interface.members
                                            if type(interface.members[m]).__name__ == "_Method")))
            service = client.open("org.varlink.service").GetInfo()
            print(service["vendor"], service["product"], service["interfaces"])
            """
        let ran = try play(script, on: stage, Stage.root)
        let methods = InterfaceMethod.all.map(\.name).sorted().joined(separator: " ")
        #expect(
            ran.output == """
                org.varlink.service GetInfo GetInterfaceDescription
                io.migbroker.Broker \(methods)
                migbroker migbroker ['org.varlink.service', 'io.migbroker.Broker']

                """, "\(ran.errors)")
        _ = daemon
    }

    @Test(.enabled(if: withVarlink != nil, "needs a python with the package varlink (MIGBROKER_PYTHON)"))
    func `python's varlink calls every method, and each does what it says`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        let script = """
            said = {}
            def call(member, more=False, **arguments):
                method = getattr(broker, member)
                if more:
                    replies = method(**arguments, _more=True)
                    said[member] = list(replies)[-1]
                else: said[member] = method(**arguments)
                return said[member]
            granted = call("Request", profiles=["1g.5gb"], name="from python", seconds=600)
            lease = granted["leases"][0]
            call("ListGPUs"); call("ListProfiles", gpu="0"); call("ListInstances"); call("ListDevices", all=True)
            call("ListLeases"); call("GetOperation", operation=granted["operation"]); call("WhoAmI"); call("GetHealth")
            call("Explain", action="request", profiles=["1g.5gb"])
            call("Renew", lease=lease["id"], seconds=1200)
            call("QueryAudit", more=True, operation=granted["operation"])
            call("VerifyAudit"); call("QueryUsage"); call("ExplainRecord", seq=1); call("CheckPolicy"); call("ReloadPolicy")
            client2 = varlink.Client("unix:" + sys.argv[1]).open("io.migbroker.Broker")
            said["Monitor"] = next(iter(client2.Monitor(_more=True)))
            client2.close()
            client3 = varlink.Client("unix:" + sys.argv[1]).open("io.migbroker.Broker")
            said["Release"] = client3.Release(leases=[lease["id"]])
            broker = client3
            made = call("CreateGPUInstances", profiles=["9"], gpus=["0"], name="raw", seconds=600)
            seat = {"gpu": "0", "gi": made["leases"][0]["gi"]}
            call("CreateComputeInstances", instances=[seat], profiles=["0", "1c.3g.20gb:2"])
            call("DestroyComputeInstances", computeInstances=[dict(seat, ci=0)])
            planned = broker.DestroyGPUInstances(instances=[seat], dryRun=True)
            call("DestroyGPUInstances", instances=[seat], plan=planned["plan"]["id"])
            call("SetMIGMode", enabled=False, gpus=["0"])
            print(json.dumps(said))
            """
        let ran = try play(script, on: stage, Stage.root)
        #expect(ran.code == 0, "\(ran.errors)")
        let said = try JSONParser.parse(Array(ran.output.utf8), limits: .reply)
        let called = (said.objectValue ?? []).map(\.key).sorted()
        #expect(called == InterfaceMethod.all.map(\.name).sorted())
        let lease = said["Request"]?["leases"]?.arrayValue?.first
        #expect(lease?["name"]?.stringValue == "from python")
        #expect(said["ListLeases"]?["leases"] == said["Request"]?["leases"])
        #expect(said["ListGPUs"]?["gpus"]?.arrayValue?.count == 1)
        #expect(said["ListProfiles"]?["profiles"]?.arrayValue?.isEmpty == false)
        #expect(said["ListInstances"]?["instances"]?.arrayValue?.first?["lease"] == lease?["id"])
        #expect(said["ListDevices"]?["devices"]?.arrayValue?.first?["uuid"] == lease?["uuid"])
        #expect(said["GetOperation"]?["operation"]?["state"]?.stringValue == "done")
        #expect(said["WhoAmI"]?["user"]?.stringValue == "root")
        #expect(said["Explain"]?["decision"]?["allowed"]?.boolValue == true)
        #expect(said["Renew"]?["lease"]?["id"] == lease?["id"])
        #expect(said["QueryAudit"]?["records"]?.arrayValue?.count == 2)
        #expect(said["VerifyAudit"]?["valid"]?.boolValue == true)
        #expect(said["CheckPolicy"]?["valid"]?.boolValue == true)
        #expect(said["ReloadPolicy"]?["policy"] == said["WhoAmI"]?["policy"])
        #expect(said["Monitor"]?["change"]?.integerValue != nil)
        #expect(said["Release"]?["leases"]?.arrayValue?.count == 1)
        let made = said["CreateGPUInstances"]?["leases"]?.arrayValue?.first
        #expect(made?["name"]?.stringValue == "raw" && made?["uuids"] == [])
        let filled = said["CreateComputeInstances"]?["leases"]?.arrayValue?.first
        #expect(filled?["id"] == made?["id"] && filled?["uuids"]?.arrayValue?.count == 2)
        let rest = said["DestroyComputeInstances"]?["leases"]?.arrayValue?.first
        #expect(rest?["uuids"]?.arrayValue?.count == 1)
        let actions = said["DestroyGPUInstances"]?["plan"]?["steps"]?.arrayValue?.map { $0["action"]?.stringValue }
        #expect(actions == ["destroy-compute-instance", "destroy-gpu-instance"])
        #expect(said["SetMIGMode"]?["modes"]?.arrayValue?.first?["state"]?.stringValue == "done")
        #expect(try stage.machine().instances == 0)
        _ = daemon
    }

    @Test(.enabled(if: withVarlink != nil, "needs a python with the package varlink (MIGBROKER_PYTHON)"))
    func `python's varlink is given every error with its fields`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        let script = """
            def fail(method, **arguments):
                try: print("no error:", getattr(broker, method)(**arguments))
                except varlink.VarlinkError as e:
                    e = e.as_dict()
                    print(e["error"], sorted(e["parameters"]))
            fail("Request", profiles=["3g.99gb"])
            fail("Request", profiles=["7g.40gb", "1g.5gb"])
            fail("Request", profiles=["1g.5gb"], seconds=864000)
            fail("Release", leases=["0" * 32])
            fail("Request", profiles=[])
            fail("CreateGPUInstances", profiles=["9"], plan="0" * 32)
            fail("CreateComputeInstances", instances=[{"gpu": "0", "gi": 1}])
            fail("DestroyGPUInstances", instances=[{"gpu": "model:*", "gi": 1}, {"gpu": "9", "gi": 1}])
            fail("DestroyComputeInstances", computeInstances=[{"gpu": "0", "gi": 1}])
            fail("SetMIGMode", enabled=True, gpus=["1"])
            fail("Explain", action="fly")
            fail("Monitor")
            """
        let ran = try play(script, on: stage, Stage.root)
        #expect(
            ran.output == """
                io.migbroker.Broker.NotFound ['message', 'name', 'what']
                io.migbroker.Broker.NoRoom ['gpus', 'message', 'profiles']
                io.migbroker.Broker.QuotaExceeded ['asked', 'dimension', 'limit', 'maximum', 'message', 'used']
                io.migbroker.Broker.NotFound ['message', 'name', 'what']
                org.varlink.service.InvalidParameter ['parameter']
                io.migbroker.Broker.PlanChanged ['message']
                io.migbroker.Broker.NotFound ['message', 'name', 'what']
                io.migbroker.Broker.NotFound ['message', 'name', 'what']
                org.varlink.service.InvalidParameter ['parameter']
                io.migbroker.Broker.NotFound ['message', 'name', 'what']
                org.varlink.service.InvalidParameter ['parameter']
                org.varlink.service.ExpectedMore []

                """, "\(ran.errors)")
        _ = daemon
    }

    @Test(
        .enabled(if: withNVML != nil, "needs a python with the package nvidia-ml-py (MIGBROKER_PYTHON)"),
        arguments: [
            ["--gpu", "NVIDIA A100-SXM4-40GB", "--mig"],
            ["--gpu", "NVIDIA A100-SXM4-40GB", "--gpu", "NVIDIA H100 80GB HBM3", "--mig", "--mirrored"],
        ])
    func `nvidia-ml-py sees the GPUs, instances, placements and UUIDs that migctl shows`(machine: [String]) throws {
        let stage = try Stage(machine: machine, policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb", "2g.10gb", "--gpu", "0"], as: Stage.alice).code == 0)
        let script = """
            import json
            from pynvml import *
            nvmlInit()
            def text(value): return value.decode() if isinstance(value, bytes) else value
            seen = {"gpus": [], "instances": [], "devices": []}
            for index in range(nvmlDeviceGetCount()):
                gpu = nvmlDeviceGetHandleByIndex(index)
                current, pending = nvmlDeviceGetMigMode(gpu)
                uuid = text(nvmlDeviceGetUUID(gpu))
                seen["gpus"].append([nvmlDeviceGetIndex(gpu), uuid, text(nvmlDeviceGetName(gpu)),
                                     nvmlDeviceGetMemoryInfo(gpu).total >> 20, text(nvmlDeviceGetPciInfo(gpu).busId),
                                     "enabled" if current else "disabled", "enabled" if pending else "disabled"])
                for place in range(nvmlDeviceGetMaxMigDeviceCount(gpu)):
                    try: device = nvmlDeviceGetMigDeviceHandleByIndex(gpu, place)
                    except NVMLError_NotFound: continue
                    gi = nvmlDeviceGetGpuInstanceId(device)
                    info = nvmlGpuInstanceGetInfo(nvmlDeviceGetGpuInstanceById(gpu, gi))
                    seen["instances"].append([uuid, gi, info.profileId, info.placement.start, info.placement.size])
                    seen["devices"].append([uuid, gi, nvmlDeviceGetComputeInstanceId(device),
                                            text(nvmlDeviceGetUUID(device))])
            for rows in seen.values(): rows.sort(key=lambda row: json.dumps(row, separators=(",", ":")))
            print(json.dumps(seen))
            """
        let python = try #require(Self.withNVML)
        let ran = try stage.run(
            ["\(stage.path)/bin/migsim", "enter", stage.machine, "--", python, "-c", script], as: Stage.root)
        #expect(ran.code == 0, "\(ran.errors)")
        let seen = try JSONParser.parse(Array(ran.output.utf8), limits: .reply)
        let gpus = try stage.objects(["gpus"], "gpus", as: Stage.root)
        func row(_ object: JSONValue, _ keys: [String]) -> JSONValue {
            .array(keys.map { key in key.split(separator: ".").reduce(object) { $0[String($1)] ?? .null } })
        }
        #expect(
            seen["gpus"]
                == .array(gpus.map { row($0, ["index", "uuid", "name", "memoryMiB", "pci", "mode", "pendingMode"]) }))
        let instances = try stage.objects(["instances", "--all"], "instances", as: Stage.root)
        #expect(instances.count == 2)
        #expect(
            seen["instances"]
                == .array(
                    instances.map { row($0, ["gpu.uuid", "gi", "profileId", "placement.start", "placement.size"]) }
                        .sorted { $0.text() < $1.text() }))
        let devices = try stage.objects(["devices", "--all"], "devices", as: Stage.root)
        #expect(
            seen["devices"]
                == .array(devices.map { row($0, ["gpu.uuid", "gi", "ci", "uuid"]) }.sorted { $0.text() < $1.text() }))
        // What she was told is what she has.
        let own = try stage.objects(["leases"], "leases", as: Stage.alice).compactMap { $0["uuid"]?.stringValue }
        #expect(own.sorted() == devices.compactMap { $0["uuid"]?.stringValue }.sorted())
        _ = daemon
    }
}
