import JSON
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

@Suite(.enabled(if: !Python.isMissing, "needs a python that imports pynvml (MIGBROKER_PYTHON) and the built library"))
struct `nvidia-ml-py on a simulated machine` {
    private static func number(_ value: JSONValue?, _ key: String) -> Int? {
        value?[key]?.integerValue.map { Int($0) }
    }

    @Test(arguments: GPUModel.all.filter(\.supportsMIG).map(\.name), [false, true])
    func `every field of every profile is that of the table, inside it too`(
        name: String, admitsEstimates: Bool
    ) throws {
        let model = try #require(GPUModel.named(name)).shown(by: .usual, admittingEstimates: admitsEstimates)
        let test = try TestMachine([model], admitsEstimates: admitsEstimates, library: TestMachine.library)
        let answer = try Python.run("read_machine.py", ["inside"], on: test.path)
        let gpu = try #require(answer["gpus"]?.arrayValue?.first)
        #expect(Self.number(gpu, "endOfProfiles") == 0x12)
        let shown = try #require(gpu["profiles"]?.arrayValue)
        // What is withheld is not there.
        #expect(shown.count == model.profiles.count)
        for entry in shown {
            let kind = GPUInstanceProfileKind(UInt32(try #require(Self.number(entry, "kind"))))
            let profile = try #require(model.profile(kind))
            Self.compare(profile, entry)
            let inside = try #require(entry["inside"]?.arrayValue)
            Self.compare(profile, computeProfiles: inside)
            #expect(inside.map { Self.number($0, "room") } == profile.computeInstances.map(\.instanceCount))
        }
    }

    private static func compare(_ kind: GPUModel.Profile, _ entry: JSONValue) {
        let profile = kind.gpuInstance
        for layout in ["v1", "v2", "v3", "byId"] {
            let fields = entry[layout]
            let expected = [
                "id": Int(profile.id.rawValue), "sliceCount": profile.slices.rawValue,
                "instanceCount": profile.instanceCount, "multiprocessorCount": profile.multiprocessors,
                "copyEngineCount": profile.engines.copy, "decoderCount": profile.engines.decoder,
                "encoderCount": profile.engines.encoder, "jpegCount": profile.engines.jpeg,
                "ofaCount": profile.engines.ofa, "memorySizeMB": profile.memoryMiB,
            ]
            for (field, value) in expected {
                #expect(number(fields, field) == value, "\(profile.name) \(layout).\(field)")
            }
            if layout != "v1" { #expect(fields?["name"]?.stringValue == "MIG \(profile.name)") }
            if layout != "v3" { #expect(number(fields, "isP2pSupported") == 0) }
        }
        #expect(number(entry["v3"], "capabilities") == (profile.name.hasSuffix("+gfx") ? 2 : 0))
        #expect(number(entry["v3"], "version") == 0x0300_0098)
        let placements = entry["placements"]?.arrayValue?.map { $0.arrayValue?.map(\.integerValue) }
        #expect(placements == profile.placements.map { [Int64($0.start), Int64($0.size)] })
        #expect(number(entry, "room") == profile.instanceCount)
    }

    private static func compare(_ profile: GPUModel.Profile, computeProfiles: [JSONValue]) {
        #expect(computeProfiles.count == profile.computeInstances.count)
        for (entry, expected) in zip(computeProfiles, profile.computeInstances) {
            for layout in ["v1", "v2"] {
                let fields = entry[layout]
                let values = [
                    "id": Int(expected.id.rawValue), "sliceCount": expected.slices.rawValue,
                    "instanceCount": expected.instanceCount, "multiprocessorCount": expected.multiprocessors,
                    "sharedCopyEngineCount": profile.gpuInstance.engines.copy,
                    "sharedDecoderCount": profile.gpuInstance.engines.decoder,
                    "sharedEncoderCount": profile.gpuInstance.engines.encoder,
                    "sharedJpegCount": profile.gpuInstance.engines.jpeg,
                    "sharedOfaCount": profile.gpuInstance.engines.ofa,
                ]
                for (field, value) in values {
                    #expect(number(fields, field) == value, "\(expected.name) \(layout).\(field)")
                }
            }
            #expect(entry["v2"]?["name"]?.stringValue == "MIG \(expected.name)")
            let places = entry["placements"]?.arrayValue?.map { $0.arrayValue?.map(\.integerValue) }
            #expect(places == profile.placements(of: expected).map { [Int64($0.start), Int64($0.size)] })
        }
    }

    @Test(arguments: GPUModel.all.filter(\.supportsMIG).map(\.name))
    func `every field of a GPU is that of the table and of the machine`(name: String) throws {
        let model = try #require(GPUModel.named(name))
        let test = try TestMachine([model, model], library: TestMachine.library)
        let answer = try Python.run("read_machine.py", on: test.path)
        let state = try test.machine.state()
        #expect(answer["driver"]?.stringValue == state.driver.description)
        #expect(answer["library"]?.stringValue == "13.580.105.08")
        #expect(Self.number(answer, "cuda") == 13000)
        #expect(Self.number(answer, "beforeInit") == 1 && Self.number(answer, "afterShutdown") == 1)
        let shown = try #require(answer["gpus"]?.arrayValue)
        for (index, gpu) in state.gpus.enumerated() {
            let entry = shown[index]
            #expect(entry["name"]?.stringValue == model.name)
            #expect(entry["uuid"]?.stringValue == gpu.uuid.description)
            #expect(entry["pci"]?["busId"]?.stringValue == gpu.pci.description)
            #expect(entry["pci"]?["busIdLegacy"]?.stringValue == String(gpu.pci.description.dropFirst(4)))
            #expect(Self.number(entry["pci"], "pciDeviceId") == Int(model.pciDeviceID))
            #expect(Self.number(entry["memory"], "total") == model.memoryMiB << 20)
            #expect(entry["mode"]?.arrayValue?.map(\.integerValue) == [1, 1])
            let capability = [Int64(model.computeCapability.major), Int64(model.computeCapability.minor)]
            #expect(entry["capability"]?.arrayValue?.map(\.integerValue) == capability)
            let isResetless: Int64 = model.modeChangeNeedsReset ? 0 : 1
            #expect(entry["facts"]?.arrayValue?.map(\.integerValue) == [isResetless, isResetless, -3])
            let numbers = [
                "index": index, "minor": gpu.minor, "foundByUUID": index, "foundByPCI": index,
                "foundBySerial": index, "architecture": Int(model.architecture.rawValue), "persistence": 0,
                "computeMode": 0, "isMig": 0, "mostDevices": model.computeSlices, "instanceId": 3, "attributes": 3,
                "utilization": 3,
                "cores": 3,
            ]
            for (field, value) in numbers { #expect(Self.number(entry, field) == value, "\(field)") }
            let old = entry["old"]
            #expect(old?["count"]?.arrayValue?.map(\.integerValue) == [0, 2])
            #expect(old?["handle"]?.arrayValue?.last?.boolValue == true)
            #expect(old?["pci"]?.arrayValue?.last?.stringValue == String(gpu.pci.description.dropFirst(4)))
            #expect(old?["processes"]?.arrayValue?.map(\.integerValue) == [0, 0])
        }
    }

    @Test(arguments: [("A100", 0), ("B300", 0), ("GB300", 3), ("RTX-PRO-5000", 3)])
    func `cores are told while MIG is off, where multiprocessors are public`(name: String, code: Int) throws {
        let model = try #require(GPUModel.named(name))
        let test = try TestMachine([model], isMIGEnabled: false, library: TestMachine.library)
        let answer = try Python.run("read_machine.py", on: test.path)
        #expect(Self.number(answer["gpus"]?.arrayValue?.first, "cores") == code)
    }

    @Test(arguments: [false, true])
    func `what is made is listed with its place, its UUID and its attributes`(isMirrored: Bool) throws {
        let test = try TestMachine([.a100, .h100], isMirrored: isMirrored, library: TestMachine.library)
        let answer = try Python.run(
            "read_machine.py", ["0:9", "0:14:0", "0:20", "1:15:6", "1:5"], on: test.path)
        let state = try test.machine.state()
        #expect(state.gpus.map(\.instances.count) == [3, 2])
        for (gpu, shown) in zip(state.gpus, try #require(answer["gpus"]?.arrayValue)) {
            try Self.compare(gpu, instances: try #require(shown["instances"]?.arrayValue))
            try Self.compare(gpu, devices: try #require(shown["devices"]?.arrayValue))
        }
    }

    private static func compare(_ gpu: SimulatedGPU, instances: [JSONValue]) throws {
        #expect(instances.map { number($0, "id") } == gpu.instances.map { Int($0.id.rawValue) })
        for (instance, shown) in zip(gpu.instances, instances) {
            let profile = try #require(gpu.profile(of: instance))
            #expect(number(shown, "profile") == Int(instance.profile.rawValue))
            #expect(number(shown, "start") == instance.placement.start)
            #expect(number(shown, "size") == instance.placement.size)
            #expect(shown["sameById"]?.boolValue == true)
            let compute = try #require(shown["compute"]?.arrayValue)
            #expect(compute.map { $0["uuid"]?.stringValue } == instance.computeInstances.map(\.uuid.description))
            let untouched = Int64(UInt32.max)
            #expect(
                compute.map { $0["first"]?.arrayValue?.map(\.integerValue) }
                    == instance.computeInstances.map {
                        [Int64($0.id.rawValue), Int64($0.profile.rawValue), untouched, untouched]
                    })
            let profiles = try #require(shown["computeProfiles"]?.arrayValue)
            compare(profile, computeProfiles: profiles)
            #expect(profiles.allSatisfy { number($0, "room") == 0 }, "the whole instance is taken")
        }
    }

    private static func compare(_ gpu: SimulatedGPU, devices: [JSONValue]) throws {
        #expect(devices.count == gpu.devices.count)
        for (position, (device, shown)) in zip(gpu.devices, devices).enumerated() {
            let profile = try #require(gpu.profile(of: device.instance)).gpuInstance
            #expect(number(shown, "index") == position && number(shown, "ownIndex") == position)
            for key in ["uuid", "foundByUUID", "foundByOldName"] {
                #expect(shown[key]?.stringValue == device.compute.uuid.description, "\(key)")
            }
            #expect(shown["name"]?.stringValue == "\(gpu.model.name) MIG \(profile.name)")
            #expect(number(shown, "gi") == Int(device.instance.id.rawValue))
            #expect(number(shown, "ci") == Int(device.compute.id.rawValue))
            #expect(number(shown, "isMig") == 1)
            for layout in ["memory", "memoryV2"] {
                #expect(number(shown[layout], "total") == profile.memoryMiB << 20)
                #expect(number(shown[layout], "free") == profile.memoryMiB << 20)
            }
            let attributes = [
                "multiprocessorCount": profile.multiprocessors, "memorySizeMB": profile.memoryMiB,
                "sharedCopyEngineCount": profile.engines.copy, "sharedDecoderCount": profile.engines.decoder,
                "sharedEncoderCount": profile.engines.encoder, "sharedJpegCount": profile.engines.jpeg,
                "sharedOfaCount": profile.engines.ofa, "gpuInstanceSliceCount": profile.slices.rawValue,
                "computeInstanceSliceCount": profile.slices.rawValue,
            ]
            for (field, value) in attributes {
                #expect(number(shown["attributes"], field) == value, "\(field)")
            }
            #expect(number(shown, "minorNumber") == 3 && number(shown, "migMode") == 3)
        }
    }

    @Test func `the library finds its machine by where it lies, and by MIGSIM_ROOT`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        let other = try TestMachine([.h100])
        let answer = try Python.run(
            "read_machine.py", on: test.path,
            variables: ["LD_LIBRARY_PATH=\(test.path)/lib", "MIGSIM_ROOT=\(other.path)"])
        let names = answer["gpus"]?.arrayValue?.map { $0["name"]?.stringValue }
        #expect(names == [GPUModel.h100.name])
    }

    @Test func `a fault is met at the entry of the call`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        try test.machine.changeFaults {
            $0 = [Fault(call: "nvmlDeviceCreateGpuInstance", effect: .result(.inUse), after: 1)]
        }
        let codes = try Python.run("probe_codes.py", ["rights"], on: test.path, withoutCapabilities: true)
        #expect(Self.number(codes, "create") == 0)
        let again = try Python.run("probe_codes.py", ["rights"], on: test.path, withoutCapabilities: true)
        #expect(Self.number(again, "create") == 19)
    }
}
