import MIG
import SimulatedMachine
import Testing

/// Every layout of a GPU that can be made, one instance after the other, each where asked.
private struct Layouts {
    /// By what lies where.
    var all: [Set<Piece>: SimulatedGPU] = [:]

    struct Piece: Hashable {
        let profile: UInt32
        let placement: Placement
    }

    /// `profiles` are the ids that may be asked for, all where nil.
    init(of model: GPUModel, profiles: Set<UInt32>? = nil) {
        var open = [gpu(model)]
        all[[]] = open[0]
        while let state = open.popLast() {
            for profile in model.profiles where profiles?.contains(profile.gpuInstance.id.rawValue) ?? true {
                for placement in profile.gpuInstance.placements {
                    var next = state
                    do {
                        _ = try next.create(profile.gpuInstance.id.rawValue, at: placement)
                    } catch {
                        continue
                    }
                    if all.updateValue(next, forKey: next.pieces) == nil { open.append(next) }
                }
            }
        }
    }

    /// Those to which nothing can be added, as slices from left to right.
    var maximal: [String] {
        all.keys.filter { layout in !all.keys.contains { $0.isStrictSuperset(of: layout) } }.map { layout in
            all[layout]?.instances.sorted { $0.placement.start < $1.placement.start }.map { instance in
                "\(all[layout]?.profile(of: instance)?.gpuInstance.slices.rawValue ?? 0)"
            }.joined(separator: ",") ?? ""
        }
    }
}

extension SimulatedGPU {
    fileprivate var pieces: Set<Layouts.Piece> {
        Set(instances.map { Layouts.Piece(profile: $0.profile.rawValue, placement: $0.placement) })
    }

    /// Names of the profiles that there are instances of.
    fileprivate func attributes() -> [String] { instances.compactMap { profile(of: $0)?.gpuInstance.name } }
}

@Suite struct `Layouts of a GPU` {
    /// `facts/nvml.md` 4.5.
    private static let documented: Set = [
        "7", "4,3", "4,2,1", "4,1,1,1", "3,3", "3,2,1", "3,1,1,1", "2,2,3", "2,1,1,3", "1,1,2,3", "1,1,1,1,3",
        "2,2,2,1", "2,2,1,1,1", "2,1,1,2,1", "2,1,1,1,1,1", "1,1,2,2,1", "1,1,2,1,1,1", "1,1,1,1,2,1",
        "1,1,1,1,1,1,1",
    ]

    private static let usual: Set<UInt32> = [19, 14, 9, 5, 0]

    @Test(arguments: GPUModel.sevenSlices.filter { $0.withheldProfiles.isEmpty }.map(\.name))
    func `the maximal layouts of seven slices are the nineteen that are documented`(name: String) throws {
        let model = try #require(GPUModel.sevenSlices.first { $0.name == name })
        let maximal = Layouts(of: model, profiles: Self.usual).maximal
        #expect(maximal.count == 19)
        #expect(Set(maximal) == Self.documented)
    }

    @Test(arguments: ["450.80.02", "470.82.01", "495.29.05"] as [DriverVersion])
    func `before R510 a 4g and a 3g do not go together, whichever is first`(driver: DriverVersion) throws {
        let model = GPUModel.a100.shown(by: driver)
        #expect(Set(Layouts(of: model, profiles: Self.usual).maximal) == Self.documented.subtracting(["4,3"]))
        let four = try #require(model.profile(GPUInstanceProfileID(5)))
        let three = try #require(model.profile(GPUInstanceProfileID(9)))
        for (first, second) in [(four, three), (three, four)] {
            var gpu = gpu(model)
            _ = try gpu.create(first.gpuInstance.id.rawValue)
            #expect(gpu.remainingCapacity(of: second) == 0)
            #expect(throws: DriverCode.insufficientResources) { try gpu.create(second.gpuInstance.id.rawValue) }
        }
    }

    @Test(arguments: ["510.39.01", "580.105.08"] as [DriverVersion])
    func `from R510 on they do`(driver: DriverVersion) {
        let model = GPUModel.a100.shown(by: driver)
        #expect(Set(Layouts(of: model, profiles: Self.usual).maximal) == Self.documented)
    }

    @Test(arguments: ["A30", "RTX-PRO-6000", "RTX-PRO-6000-SE"])
    func `four slices have five`(name: String) throws {
        let model = try #require(GPUModel.named(name))
        let maximal = Layouts(of: model, profiles: [14, 5, 0]).maximal
        #expect(maximal.count == 5)
        #expect(Set(maximal) == ["4", "2,2", "2,1,1", "1,1,2", "1,1,1,1"])
    }

    @Test(arguments: ["A100", "H100", "B200", "A30", "RTX-PRO-6000"])
    func `in every layout the room that is told is the room that there is`(name: String) throws {
        let model = try #require(GPUModel.named(name)).shown(by: .usual, admittingEstimates: true)
        let layouts = Layouts(of: model)
        #expect(layouts.all.count > 70)
        for state in layouts.all.values {
            #expect(state.occupied.nonzeroBitCount == state.instances.reduce(0) { $0 + $1.placement.size })
            for profile in model.profiles {
                let id = profile.gpuInstance.id.rawValue
                let told = state.remainingCapacity(of: profile)
                var next = state
                var made = 0
                while (try? next.create(id)) != nil { made += 1 }
                guard told == made else {
                    Issue.record("\(state.attributes()): \(told) of \(profile.gpuInstance.name) told, \(made) made")
                    return
                }
                let isAnywhere = profile.gpuInstance.placements.contains { placement in
                    var next = state
                    return (try? next.create(id, at: placement)) != nil
                }
                #expect(isAnywhere == (told > 0))
            }
        }
    }

    @Test(arguments: ["A100", "H100", "A30", "RTX-PRO-6000"])
    func `no layout holds what excludes each other`(name: String) throws {
        let model = try #require(GPUModel.named(name))
        for state in Layouts(of: model).all.values {
            let names = state.attributes()
            let all = names.count { $0.hasSuffix("+me.all") }
            let media = names.count { $0.hasSuffix("+me") }
            let without = names.count { $0.hasSuffix("-me") }
            #expect(all + media <= 1, "\(names)")
            #expect(all == 0 || all + without == names.count, "\(names)")
        }
    }
}
