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

/// One `allow` or `deny`, with every name resolved.
struct Rule: Sendable {
    let id: String
    let place: SourcePlace
    let who: Who
    let actions: ActionSet
    /// Interned selectors; nil means every GPU.
    let gpus: [Int]?
    /// Nil means every profile.
    let profiles: ProfileFilter?
    /// Host or container; nil means from anywhere.
    let from: Origin?
    /// Only ever set in an `allow`.
    let requiresIsolation: Bool
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

    /// What bounds the use of those it names, in the order in which a denial names them.
    var amounts: [(dimension: Denial.Dimension, max: Int)] {
        [(.instances, instances), (.slices, slices), (.memory, memoryMiB)].compactMap { dimension, max in
            max.map { (dimension, $0) }
        }
    }
}

/// The selectors and profile names that a policy uses, each kept once, so that rules hold and compare small numbers.
struct Vocabulary: Sendable {
    private(set) var selectors: [GPUSelector] = []
    private(set) var profiles: [String] = []
    private var selectorNumbers: [GPUSelector: Int] = [:]
    // Keyed by bytes: a String key would take canonically equivalent names for one.
    private var profileNumbers: [[UInt8]: Int] = [:]

    mutating func intern(_ selector: GPUSelector) -> Int {
        if let number = selectorNumbers[selector] { return number }
        selectorNumbers[selector] = selectors.count
        selectors.append(selector)
        return selectors.count - 1
    }

    mutating func intern(profile: String) -> Int {
        if let number = profileNumbers[Array(profile.utf8)] { return number }
        profileNumbers[Array(profile.utf8)] = profiles.count
        profiles.append(profile)
        return profiles.count - 1
    }

    /// The number of a profile that the policy names, or nil.
    func number(ofProfile profile: String) -> Int? { profileNumbers[Array(profile.utf8)] }
}
