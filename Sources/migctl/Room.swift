import API
import MIG

/// What the slot maps of some GPUs say about free room.
struct Room {
    private let gpus: [GPUInfo]

    init(_ gpus: [GPUInfo]) { self.gpus = gpus }

    /// The first time at which a slice that is in use comes free; nil where no lease holds any.
    var nextEnd: Timestamp? {
        gpus.flatMap(\.slots).compactMap(\.until).compactMap { Timestamp($0) }.min()
    }

    /// One clause for an error: how many slices are free where.
    var summary: SafeText {
        let parts = gpus.prefix(8).map { gpu -> SafeText in
            let free = gpu.slots.count { $0.state.utf8.elementsEqual("free".utf8) }
            return "\(free) of \(counted(gpu.slots.count, "memory slice")) free on GPU \(gpu.index)"
        }
        return SafeText.joined(parts + (gpus.count > 8 ? ["..."] : []), separator: ", ")
    }
}

/// Neighbouring memory slices of a GPU that are in the same state until the same time.
struct SlotRun {
    let slices: ClosedRange<Int>
    let state: String
    let until: String?

    static func runs(of slots: [Slot]) -> [SlotRun] {
        var runs: [SlotRun] = []
        for slot in slots.sorted(by: { $0.slice < $1.slice }) {
            if let last = runs.last, last.state.utf8.elementsEqual(slot.state.utf8), last.until == slot.until,
                last.slices.upperBound + 1 == slot.slice
            {
                runs[runs.count - 1] = SlotRun(
                    slices: last.slices.lowerBound...slot.slice, state: last.state, until: last.until)
            } else {
                runs.append(SlotRun(slices: slot.slice...slot.slice, state: slot.state, until: slot.until))
            }
        }
        return runs
    }

    /// One letter a slice for a bar.
    static func letter(of state: String) -> String {
        switch state {
        case "free": "."
        case "yours": "Y"
        case "used": "#"
        case "external": "x"
        default: "?"
        }
    }

    var style: Style {
        switch state {
        case "yours": .good
        case "free": .plain
        default: .caution
        }
    }

    /// `0-3 yours until 16:05, in 2h`
    func text(_ calendar: Calendar) -> SafeText {
        let state: SafeText =
            switch self.state {
            case "used": "in use"
            case "external": "in use by another tool"
            default: SafeText(self.state)
            }
        let place = ranges(Array(slices))
        return until.map { "\(place) \(state) until \(calendar.moment($0))" } ?? "\(place) \(state)"
    }
}
