import API
import Broker
import MIG
import Varlink

// What clients ask for, every field held against its bounds, in the broker's terms.

/// What every change may be asked with.
struct ChangeTerms: Sendable {
    let isDryRun: Bool
    let key: String?
    let plan: PlanID?

    init(_ dryRun: Bool?, _ key: String?, _ plan: String? = nil) throws(VarlinkError) {
        isDryRun = dryRun ?? false
        self.key = try Service.text(key, "key")
        self.plan = try plan.map { (text) throws(VarlinkError) in
            guard let id = PlanID(text) else { throw .invalidParameter("plan") }
            return id
        }
    }
}

/// Things of one kind that one call may name.
private let mostNamed = 256

extension CreateGPUInstancesRequest {
    func wish(bounds: Bounds) throws(VarlinkError) -> Wish {
        let terms = try ChangeTerms(dryRun, key, plan)
        let selectors = try placed(profiles, most: bounds.instancesPerRequest)
        guard !selectors.isEmpty else { throw .invalidParameter("profiles") }
        return Wish(
            kind: .onEach(selectors, withCompute: defaultComputeInstance ?? false), gpus: try selected(gpus),
            duration: try Service.span(seconds), name: try Service.text(name, "name"), isDryRun: terms.isDryRun,
            key: terms.key, plan: terms.plan)
    }
}

extension CreateComputeInstancesRequest {
    func wish() throws(VarlinkError) -> ComputeWish {
        let terms = try ChangeTerms(dryRun, key, plan)
        // As many as a GPU instance can hold at the very most.
        let selectors = try placed(profiles ?? [], most: CapabilityMinor.computeInstancesPerGPUInstance)
        guard profiles?.isEmpty != true else { throw .invalidParameter("profiles") }
        return ComputeWish(
            targets: try instances.targets("instances"), profiles: selectors, isDryRun: terms.isDryRun,
            key: terms.key, plan: terms.plan)
    }
}

extension SetMIGModeRequest {
    func wish() throws(VarlinkError) -> ModeWish {
        let terms = try ChangeTerms(dryRun, key, plan)
        return ModeWish(
            isEnabled: enabled, gpus: try selected(gpus), isDryRun: terms.isDryRun, key: terms.key, plan: terms.plan)
    }
}

private func placed(_ profiles: [String], most: Int) throws(VarlinkError) -> [PlacedProfileSelector] {
    guard profiles.count <= most else { throw .invalidParameter("profiles") }
    var selectors: [PlacedProfileSelector] = []
    for text in profiles {
        guard let selector = PlacedProfileSelector(text) else { throw .invalidParameter("profiles") }
        selectors.append(selector)
    }
    return selectors
}

/// The GPUs named; a list that names none is a mistake, and means anything but all.
private func selected(_ gpus: [String]?) throws(VarlinkError) -> [GPUSelector] {
    guard let gpus else { return [] }
    guard (1...mostNamed).contains(gpus.count) else { throw .invalidParameter("gpus") }
    var selectors: [GPUSelector] = []
    for text in gpus {
        guard let selector = GPUSelector(text) else { throw .invalidParameter("gpus") }
        selectors.append(selector)
    }
    return selectors
}

extension [InstanceReference] {
    func targets(_ field: String) throws(VarlinkError) -> [InstanceTarget] {
        guard (1...mostNamed).contains(count) else { throw .invalidParameter(field) }
        var targets: [InstanceTarget] = []
        for reference in self { targets.append(try InstanceTarget(reference.gpu, reference.gi, field)) }
        return targets
    }
}

extension [ComputeInstanceReference] {
    func targets() throws(VarlinkError) -> [ComputeTarget] {
        let field = "computeInstances"
        guard (1...mostNamed).contains(count) else { throw .invalidParameter(field) }
        var targets: [ComputeTarget] = []
        for reference in self {
            guard let ci = UInt32(exactly: reference.ci) else { throw .invalidParameter(field) }
            let parent = try InstanceTarget(reference.gpu, reference.gi, field)
            targets.append(ComputeTarget(parent, ci: ComputeInstanceID(ci)))
        }
        return targets
    }
}

extension InstanceTarget {
    fileprivate init(_ gpu: String, _ gi: Int, _ field: String) throws(VarlinkError) {
        guard let selector = GPUSelector(gpu), let gi = UInt32(exactly: gi) else { throw .invalidParameter(field) }
        self.init(gpu: selector, gi: GPUInstanceID(gi))
    }
}

extension LeaseRequest {
    /// The wish behind the words, every field held against its bounds.
    func wish(bounds: Bounds) throws(VarlinkError) -> Wish {
        let count = count ?? 1
        guard (1...bounds.instancesPerRequest).contains(count) else { throw .invalidParameter("count") }
        for (value, field) in [(memoryMiB, "memoryMiB"), (multiprocessors, "multiprocessors")] {
            if let value, !(1...1 << 40).contains(value) { throw .invalidParameter(field) }
        }
        let kind: Wish.Kind
        if let profiles {
            guard memoryMiB == nil, multiprocessors == nil else { throw .invalidParameter("profiles") }
            kind = .profiles(try Self.selectors(profiles, count: count, bounds))
        } else {
            guard memoryMiB != nil || multiprocessors != nil else { throw .invalidParameter("profiles") }
            kind = .smallest(memoryMiB: memoryMiB, multiprocessors: multiprocessors, count: count)
        }
        return Wish(
            kind: kind, gpus: try gpu.map { (text) throws(VarlinkError) in [try Self.selector(text)] } ?? [],
            duration: try Service.span(seconds),
            name: try Service.text(name, "name"), isDryRun: dryRun ?? false, key: try Service.text(key, "key"))
    }

    static func selector(_ gpu: String) throws(VarlinkError) -> GPUSelector {
        guard let selector = GPUSelector(gpu) else { throw .invalidParameter("gpu") }
        return selector
    }

    static func selectors(
        _ profiles: [String], count: Int, _ bounds: Bounds
    ) throws(VarlinkError) -> [ProfileSelector] {
        guard !profiles.isEmpty, profiles.count <= bounds.instancesPerRequest / count else {
            throw .invalidParameter("profiles")
        }
        var selectors: [ProfileSelector] = []
        for text in profiles {
            guard let selector = ProfileSelector(text) else { throw .invalidParameter("profiles") }
            selectors += Array(repeating: selector, count: count)
        }
        return selectors
    }
}
