import Linux
import MIG
import SimulatedMachine

extension MachineView {
    /// For people.
    var text: String {
        var facts = ["driver \(state.driver)"]
        if state.isMirrored { facts.append("mirrored boards") }
        if state.renumbersGPUs { facts.append("another minor after a reset") }
        if !state.canResetGPUs { facts.append("no resets") }
        if state.admitsEstimates { facts.append("estimates admitted") }
        facts.append("nodes are \(state.nodes)s")
        if !state.module.modifiesDeviceFiles { facts.append("programs make no nodes") }
        if !state.module.hasCapabilityNodes { facts.append("capabilities in /proc") }
        var lines = [facts.joined(separator: ", ")]
        for (index, gpu) in state.gpus.enumerated() { lines += self.lines(of: gpu, index) }
        if !holders.isEmpty {
            lines.append("processes")
            lines += holders.map { holder in
                let place = holder.instance.map { " GI \($0.gpuInstance) CI \($0.computeInstance)" } ?? ""
                return "  \(holder.pid)  \(holder.gpu)\(place)  \(holder.memoryMiB) MiB"
            }
        }
        lines.append("nodes")
        lines += nodes.map { node in
            let file = node.attributes
            let list = node.list.map { "  \($0.text)" } ?? ""
            let meaning = node.meaning.isEmpty ? "" : "  \(node.meaning)"
            return "  \(node.path)  \(octal(file.mode)) \(file.owner):\(file.group)\(list)\(meaning)"
        }
        if !faults.isEmpty {
            lines.append("faults")
            lines += faults.map { fault in
                let times = fault.times.map { ", \($0) times" } ?? ""
                let delay = fault.delayMilliseconds > 0 ? ", after \(fault.delayMilliseconds) ms" : ""
                let after = fault.after > 0 ? ", after \(fault.after) calls" : ""
                let duration = fault.durationMilliseconds.map { ", for \($0) ms" } ?? ""
                let late = fault.isLate ? ", late" : ""
                return "  \(fault.call)  \(fault.word)\(late)\(after)\(times)\(duration)\(delay)"
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func lines(of gpu: SimulatedGPU, _ index: Int) -> [String] {
        let mode = gpu.model.supportsMIG ? "MIG \(gpu.mode.isEnabled ? "on" : "off")" : "no MIG"
        let pending = gpu.mode.isPending ? " (\(gpu.mode.isPendingEnabled ? "on" : "off") after reset)" : ""
        var lines = [
            "GPU \(index)  \(gpu.model.name)  \(gpu.uuid)  \(gpu.pci)  minor \(gpu.minor)  \(mode)\(pending)"
        ]
        if gpu.model.multiprocessors == nil { lines.append("  not public: multiprocessors of the whole GPU") }
        lines += gpu.model.withheldProfiles.map { "  \($0.name) is not offered; not public: \($0.missing.text)" }
        lines += gpu.model.profiles.filter { !$0.estimates.isEmpty }.map { profile in
            "  \(profile.gpuInstance.name) is estimated: \(profile.estimates.text)"
        }
        guard gpu.mode.isEnabled else { return lines }
        lines.append("  slots  " + slots(of: gpu))
        for instance in gpu.instances {
            let profile = gpu.profile(of: instance)
            let name = profile?.gpuInstance.name ?? "?"
            lines.append("  GI \(instance.id)  \(name)  \(instance.placement)")
            for compute in instance.computeInstances {
                let name = profile?.compute(compute.profile)?.name ?? "?"
                lines.append("    CI \(compute.id)  \(name)  \(compute.placement)  \(compute.uuid)")
            }
        }
        return lines
    }

    /// The memory slices from left to right: `0-3 3g.20gb | 4-7 free`.
    private func slots(of gpu: SimulatedGPU) -> String {
        var parts: [(first: Int, last: Int, what: String)] = []
        for slice in 0..<gpu.model.memorySlices {
            let instance = gpu.instances.first { $0.placement.mask & 1 << UInt64(slice) != 0 }
            let what = instance.map { "\(gpu.profile(of: $0)?.gpuInstance.name ?? "?") (GI \($0.id))" } ?? "free"
            if let last = parts.last, last.what.utf8.elementsEqual(what.utf8) {
                parts[parts.count - 1].last = slice
            } else {
                parts.append((slice, slice, what))
            }
        }
        return parts.map { part in
            (part.first == part.last ? "\(part.first)" : "\(part.first)-\(part.last)") + " \(part.what)"
        }.joined(separator: " | ")
    }
}

extension [ProfileFact] {
    /// For people.
    var text: String { map(\.text).joined(separator: ", ") }
}

/// As `ls` and `chmod` have it, four digits.
func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
}

extension AccessACL {
    /// As `setfacl` has it: `u::r--,u:1000:r--,g::---,m::r--,o::---`.
    var text: String {
        entries.map { entry in
            let bits = entry.permissions
            let word = (bits & 4 != 0 ? "r" : "-") + (bits & 2 != 0 ? "w" : "-") + (bits & 1 != 0 ? "x" : "-")
            return switch entry.subject {
            case .owner: "u::\(word)"
            case .user(let user): "u:\(user):\(word)"
            case .owningGroup: "g::\(word)"
            case .group(let group): "g:\(group):\(word)"
            case .mask: "m::\(word)"
            case .other: "o::\(word)"
            }
        }.joined(separator: ",")
    }
}
