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
