import MIG

/// Whom a rule or a limit names, as numbers; ascending, each once, and never nobody at all.
struct Who: Hashable, Sendable {
    let users: [UserID]
    let groups: [GroupID]

    /// Whether everyone named by the other is named here too, as far as the policy alone can tell.
    func includes(_ other: Who) -> Bool {
        Set(users).isSuperset(of: other.users) && Set(groups).isSuperset(of: other.groups)
    }
}

/// Which profiles a rule is about; names are interned by `Vocabulary`.
struct ProfileFilter: Hashable, Sendable {
    let names: [Int]
    /// Any profile of so few slices; 0 where no `max-slices:` is given.
    let maxSlices: Int

    func matches(_ name: Int?, slices: Int) -> Bool {
        slices <= maxSlices || name.map(names.contains) == true
    }
}

/// What a rule asks of a query, apart from whom it names.
///
/// Numbers only, so that a thousand rules are looked through without touching a reference count.
struct Condition: Hashable, Sendable {
    let actions: ActionSet
    /// A list of selectors in `Vocabulary.gpuLists`; nil means every GPU.
    let gpus: Int?
    /// A filter in `Vocabulary.filters`; nil means every profile.
    let profiles: Int?
    /// Host or container; nil means from anywhere.
    let from: Origin?
    /// A number in `Vocabulary.hours`; nil means at any time.
    let hours: Int?
    /// Only ever set in an `allow`.
    let requiresIsolation: Bool
}

/// One `allow` or `deny`, with every name resolved.
struct Rule: Sendable {
    let id: String
    let place: SourcePlace
    let who: Who
    let condition: Condition
}

/// One limit, with every name resolved. A dimension that is nil is not limited by it.
struct Limit: Sendable {
    let id: String
    let place: SourcePlace
    let who: Who
    let scope: LimitScope
    let instances: Int?
    let slices: Int?
    let memoryMiB: Int?
    let leaseDefault: TimeSpan?
    let leaseMax: TimeSpan?
    let renewals: Int?
    let killsOnExpiry: Bool

    /// What is counted of the use of those it names, in the order in which a denial names them.
    static let dimensionsOfUse: [Denial.Dimension] = [.instances, .slices, .memory]

    subscript(dimension: Denial.Dimension) -> Int? {
        switch dimension {
        case .instances: instances
        case .slices: slices
        case .memory: memoryMiB
        case .renewals: renewals
        }
    }

    /// What bounds the use of those it names.
    var amounts: [(dimension: Denial.Dimension, max: Int)] {
        Self.dimensionsOfUse.compactMap { dimension in self[dimension].map { (dimension, $0) } }
    }
}

/// A list in which each element stands once and is known by its number.
struct Numbered<Element: Hashable & Sendable>: Sendable {
    private(set) var elements: [Element] = []
    private var numbers: [Element: Int] = [:]

    mutating func number(of element: Element) -> Int {
        if let number = numbers[element] { return number }
        numbers[element] = elements.count
        elements.append(element)
        return elements.count - 1
    }

    /// The number of an element that is there, or nil.
    func known(_ element: Element) -> Int? { numbers[element] }
}

/// What a policy's rules say about GPUs and profiles, each thing kept once, so that a decision works it out once.
struct Vocabulary: Sendable {
    /// Names by their bytes: as a String a name would equal its canonical equivalents.
    var profiles = Numbered<[UInt8]>()
    var filters = Numbered<ProfileFilter>()
    var gpuLists = Numbered<[GPUSelector]>()
    var hours = Numbered<Hours>()
}
