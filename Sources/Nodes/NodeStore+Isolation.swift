internal import Linux
package import MIG

/// Whether users can reach the nodes of others in spite of the broker, and what would change it.
package struct IsolationReport: Hashable, Sendable {
    package let isolation: Isolation
    package let reason: String
    /// The command that makes it enforced; nil where it is.
    package let remedy: String?
}

extension NodeStore {
    /// Looks at what keeps users from resetting nodes: a setting of the driver's module, or a read-only mount.
    ///
    /// Where neither can be seen, it is advisory. Reads `/proc`.
    package func isolation(gpuMinors: [Int]) -> IsolationReport {
        if let source = readOnlyMount() {
            return IsolationReport(
                isolation: .enforced, reason: "users see the nodes through a read-only mount of \(source)", remedy: nil)
        }
        let remedy =
            "echo 'options nvidia NVreg_ModifyDeviceFiles=0' > /etc/modprobe.d/migbroker.conf, then reload the driver"
        let tree: CapabilityTree
        do throws(CapabilityTreeError) {
            tree = try self.tree()
        } catch {
            return IsolationReport(isolation: .advisory, reason: "\(error)", remedy: error.fix)
        }
        guard tree.modifiesDeviceFiles == false else {
            let reason = "any user can reset the mode of a node through the driver's setuid nvidia-modprobe"
            return IsolationReport(isolation: .advisory, reason: reason, remedy: remedy)
        }
        if let missing = firstProblem(gpuMinors: gpuMinors, major: tree.major) {
            let make = "migbrokerd --make-nodes"
            return IsolationReport(isolation: .advisory, reason: missing, remedy: make)
        }
        return IsolationReport(
            isolation: .enforced, reason: "the driver is told not to modify device files, and all nodes are made",
            remedy: nil)
    }

    private func firstProblem(gpuMinors: [Int], major: UInt32) -> String? {
        for name in gpuMinors.flatMap(NodeName.all(ofGPU:)) {
            do throws(NodeError) {
                if let problem = problem(of: try inspect(name), major: major) {
                    return "\(try path(of: name)) \(problem)"
                }
            } catch {
                return "\(error)"
            }
        }
        return nil
    }

    /// What is mounted read-only over the nodes in the mount tree that users live in, that of process 1; nil where
    /// nothing is, or where the broker itself works on that mount and so could not write.
    private func readOnlyMount() -> String? {
        let shown = "/dev/nvidia-caps"
        guard driverRoot.isEmpty, !directory.utf8.elementsEqual(shown.utf8),
            // Not being able to look counts as not enforced: the safe side.
            let bytes = try? Files.read("/proc/1/mountinfo", limit: 16 << 20)
        else { return nil }
        return MountTable.readOnlySource(of: shown, in: bytes)
    }
}

/// Lines of `/proc/PID/mountinfo`: id, parent, device, root, mount point, options, ... (proc_pid_mountinfo(5)).
enum MountTable {
    /// The root, inside its file system, of what is mounted on top at a path, if that mount is read-only.
    static func readOnlySource(of path: String, in table: [UInt8]) -> String? {
        var source: String?
        // Of several mounts at one place the last is the one that is seen.
        for line in table.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count > 5, fields[4].elementsEqual(path.utf8) else { continue }
            let options = fields[5].split(separator: UInt8(ascii: ","))
            let isReadOnly = options.contains { $0.elementsEqual("ro".utf8) }
            source = isReadOnly ? String(decoding: fields[3], as: UTF8.self) : nil
        }
        return source
    }
}
