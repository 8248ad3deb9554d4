import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

extension GPUModel {
    /// A profile's name as the vendor's tools compute it; `facts/nvml.md` 3.
    fileprivate func formula(_ profile: GPUInstanceProfile) -> String {
        let eighths = (Double(profile.memoryMiB) / Double(memoryMiB) * 8).rounded(.up)
        let total = (Double(memoryMiB) / 1024).rounded(.up)
        let size = (eighths / 8 * total).rounded(.toNearestOrAwayFromZero)
        let attributes: [UInt32: String] = [
            7: "+me", 8: "+me", 10: "+gfx", 11: "+gfx", 12: "+gfx", 13: "-me", 14: "-me", 15: "+me.all",
            16: "+me.all",
        ]
        return "\(profile.slices)g.\(Int(size))gb\(attributes[profile.kind.rawValue] ?? "")"
    }

    fileprivate var names: [String] { profiles.map(\.gpuInstance.name) }

    fileprivate func memory(_ id: UInt32) -> Int? { profile(GPUInstanceProfileID(id))?.gpuInstance.memoryMiB }
}

@Suite struct `Models of GPU` {
    @Test func `there are sixteen and one without MIG, and no two share a name or a number`() {
        #expect(GPUModel.all.count == 17 && GPUModel.all.count(where: \.supportsMIG) == 16)
        let names = GPUModel.all.flatMap { Set(([$0.name] + $0.shortNames).map { $0.lowercased() }) }
        #expect(Set(names).count == names.count)
        #expect(Set(GPUModel.all.map(\.pciDeviceID)).count == GPUModel.all.count)
        for model in GPUModel.all {
            for name in [model.name] + model.shortNames {
                #expect(GPUModel.named(name.lowercased())?.name == model.name)
            }
        }
    }

    @Test(arguments: GPUModel.allWithEstimates.map(\.name))
    func `names are those that the vendor's formula gives, compute instances' too`(name: String) throws {
        let model = try #require(GPUModel.allWithEstimates.first { $0.name == name })
        for driver in [model.minimumDriver, .usual] {
            for profile in model.shown(by: driver, admittingEstimates: true).profiles {
                let own = profile.gpuInstance
                #expect(own.name == model.formula(own))
                for compute in profile.computeInstances {
                    let isWhole = compute.slices == own.slices
                    #expect(compute.name == (isWhole ? own.name : "\(compute.slices)c.\(own.name)"))
                }
            }
        }
    }

    @Test func `numbers and kinds are the same on all boards of one shape`() {
        for (slices, count) in [(7, 12), (4, 3), (2, 1)] {
            let models = GPUModel.all.filter { $0.computeSlices == slices }
            #expect(models.count == count)
        }
        for model in GPUModel.sevenSlices {
            let numbers = model.profiles.map { "\($0.gpuInstance.kind.rawValue) \($0.gpuInstance.id)" }
            #expect(["0 19", "7 20", "9 15", "1 14", "2 9", "3 5", "4 0"].starts(with: numbers), "\(model.name)")
            #expect(model.memorySlices == 8)
        }
    }

    @Test(arguments: [
        ("B200", ["1g.23gb", "1g.23gb+me", "1g.45gb", "2g.45gb"], ["3g.90gb", "4g.90gb", "7g.180gb"]),
        ("GB200", ["1g.23gb", "1g.23gb+me", "1g.47gb", "2g.47gb"], ["3g.93gb", "4g.93gb", "7g.186gb"]),
        (
            "B300", [],
            ["1g.34gb", "1g.34gb+me", "1g.67gb", "2g.67gb", "3g.135gb", "4g.135gb", "7g.269gb"]
        ),
        (
            "GB300", [],
            ["1g.35gb", "1g.35gb+me", "1g.70gb", "2g.70gb", "3g.139gb", "4g.139gb", "7g.278gb"]
        ),
        (
            "RTX-PRO-5000", [],
            [
                "1g.24gb", "1g.24gb+me", "1g.24gb+gfx", "1g.24gb+me.all", "1g.24gb-me", "2g.48gb", "2g.48gb+gfx",
            ]
        ),
    ])
    func `a profile of which a number is not public is withheld`(
        name: String, offered: [String], withheld: [String]
    ) throws {
        let model = try #require(GPUModel.named(name))
        #expect(model.names == offered)
        #expect(model.withheldProfiles.map(\.name) == withheld)
        #expect(model.withheldProfiles.allSatisfy { $0.missing.contains(.memory) })
        #expect(!model.profiles.contains { !$0.estimates.isEmpty })
    }

    @Test func `what is missing is named, fact by fact`() {
        let missing: (GPUModel) -> [ProfileFact]? = { $0.withheldProfiles.last?.missing }
        #expect(missing(.b200) == [.memory, .multiprocessors, .decoders, .jpeg])
        #expect(missing(.gb200) == [.memory, .multiprocessors, .copyEngines, .decoders, .jpeg])
        #expect(missing(.b300) == [.memory, .multiprocessors, .copyEngines, .decoders, .jpeg, .ofa])
        #expect(missing(.rtxPro5000) == [.id, .memory, .multiprocessors])
        #expect(missing(.a100) == nil)
    }

    @Test func `estimates fill what they can, are marked, and leave refused what they cannot`() {
        let b200 = GPUModel.b200.shown(by: .usual, admittingEstimates: true)
        #expect(b200.withheldProfiles.isEmpty)
        #expect(b200.profiles.map(\.estimates.isEmpty) == [true, true, true, true, false, false, false])
        #expect(b200.memory(9) == 90880)
        for model in [GPUModel.b300, .gb300] {
            let admitting = model.shown(by: .usual, admittingEstimates: true)
            #expect(admitting.profiles.count == 6)
            #expect(admitting.withheldProfiles.map(\.missing) == [[.multiprocessors]])
            #expect(admitting.profiles.allSatisfy { $0.estimates.contains(.memory) })
            // Engines of the whole are estimated with the rest, so that two of the one with OFA do not fit.
            #expect(gpu(admitting).remainingCapacity(of: admitting.profiles[1]) == 1)
        }
        #expect(GPUModel.rtxPro5000.shown(by: .usual, admittingEstimates: true).profiles.isEmpty)
        #expect(GPUModel.gb300.cores == nil && GPUModel.b300.cores == 148 * 128)
    }

    // The seed notes' own table; printed there as 4.75, 9.62, 19.50 and 39.25 GiB.
    @Test func `a driver before the cut-over shows the notes' table of an A100, 1g.10gb included`() {
        let old = GPUModel.a100.shown(by: "525.60.13")
        #expect(old.profiles.map(\.gpuInstance.memoryMiB) == [4864, 4864, 9856, 9856, 19968, 19968, 40192])
        let instances = old.profiles.map { "\($0.gpuInstance.name) \($0.gpuInstance.instanceCount)" }
        #expect(
            instances == [
                "1g.5gb 7", "1g.5gb+me 1", "1g.10gb 4", "2g.10gb 3", "3g.20gb 2", "4g.20gb 1", "7g.40gb 1",
            ])
        for driver: DriverVersion in ["525.85.12", "535.261.03", .usual] {
            let new = GPUModel.a100.shown(by: driver)
            #expect(new.profiles.map(\.gpuInstance.memoryMiB) == [4864, 4864, 9984, 9984, 20096, 20096, 40448])
        }
        for driver: DriverVersion in ["450.80.02", .usual] {
            #expect(GPUModel.a100SXM80.shown(by: driver).memory(9) == 40192)
        }
    }

    @Test(
        arguments: [
            ("A100", "450.80.02", ["1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"]),
            ("A100", "470.42.01", ["1g.5gb", "1g.5gb+me", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"]),
            ("A100-80GB", "515.105.01", ["1g.10gb", "1g.10gb+me", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"]),
            ("A30", "460.73.01", ["1g.6gb", "2g.12gb", "4g.24gb"]),
            ("A30", "515.105.01", ["1g.6gb", "1g.6gb+me", "2g.12gb", "4g.24gb"]),
            ("A30", "525.60.13", ["1g.6gb", "1g.6gb+me", "2g.12gb", "2g.12gb+me", "4g.24gb"]),
        ] as [(String, DriverVersion, [String])])
    func `a driver offers the profiles of its time`(name: String, driver: DriverVersion, profiles: [String]) throws {
        #expect(try #require(GPUModel.named(name)).shown(by: driver).names == profiles)
    }

    @Test func `driver and estimates belong to the machine, and are read back with it`() throws {
        let directory = try TemporaryDirectory()
        var plan = MachinePlan(models: [.a100, .a30], library: "/dev/null")
        plan.driver = "470.42.01"
        plan.nodes = .file
        try Machine.make(plan, in: directory.path("old"))
        let old = try Machine(directory: directory.path("old")).state()
        #expect(!old.admitsEstimates && old.driver == "470.42.01")
        #expect(old.gpus.map(\.model.profiles.count) == [6, 4])

        let test = try TestMachine([.b200, .b300], admitsEstimates: true)
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        let again = try test.reopened().state()
        #expect(again.admitsEstimates && again.gpus[0].instances == [instance])
        #expect(again.gpus.map(\.model.profiles.count) == [7, 6])
        // An instance that the machine would not make is damage.
        let path = test.machine.layout.machine
        for digit in [0, 1] {
            let good = try text("\(path).\(digit)")
            try Files.write("\(path).\(digit)", Array(Damage.apply("\"estimates\":false", to: good).utf8))
        }
        let damaged = try test.reopened()
        #expect(throws: MachineError.self) { try damaged.state() }
        let strict = try TestMachine([.b200])
        #expect(throws: MachineError.self) {
            try strict.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        }
    }
}
