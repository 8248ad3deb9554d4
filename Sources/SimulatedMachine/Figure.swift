/// A number of a table: public, only estimated, or neither.
enum Figure: Hashable, Sendable {
    case known(Int)
    /// Nobody has published it; the fact tables say how it was estimated.
    case estimate(Int)
    case unknown

    /// The number, where it may be used.
    func value(admittingEstimates: Bool) -> Int? {
        switch self {
        case .known(let value): value
        case .estimate(let value): admittingEstimates ? value : nil
        case .unknown: nil
        }
    }
}

extension Figure: ExpressibleByIntegerLiteral {
    init(integerLiteral value: Int) { self = .known(value) }
}

/// What must be known of a profile before it can be offered; raw values are the words of `migsim show --json`.
package enum ProfileFact: String, CaseIterable, Sendable {
    case id
    case memory = "memoryMiB"
    case multiprocessors
    case copyEngines
    case decoders
    case encoders
    case jpeg
    case ofa

    /// For people.
    package var text: String {
        switch self {
        case .id: "profile id"
        case .memory: "memory"
        case .multiprocessors: "multiprocessors"
        case .copyEngines: "copy engines"
        case .decoders: "decoders"
        case .encoders: "encoders"
        case .jpeg: "JPEG engines"
        case .ofa: "OFA engines"
        }
    }
}
