import Bytes
import Commands
import ConsulProtocol

/// /v1/catalog/
enum CatalogHandler {
    static func register(_ request: Request, _ loop: ConsulLoop) -> Step {
        let body: RegisterBody
        do throws(DecodeError) {
            body = try RegisterBody(json: request.json(loop.limits))
        } catch {
            return .answer(.text(400, "Request decode failed: \(error.text)"))
        }
        if let refusal = otherDatacenter(body.datacenter, loop) { return refusal }
        if let problem = body.problem() { return .answer(.text(500, problem)) }
        var node = body.node
        node.datacenter = ByteString(loop.settings.datacenter)
        let command = Register(
            node: node,
            skipNodeUpdate: body.skipNodeUpdate,
            service: body.service?.definition(),
            checks: body.checks.map { check in
                var check = check.catalogCheck()
                check.node = node.name
                return check
            }
        )
        return .propose([command.encode(request.commandHeader)], .catalogWrite)
    }

    static func deregister(_ request: Request, _ loop: ConsulLoop) -> Step {
        let body: DeregisterBody
        do throws(DecodeError) {
            body = try DeregisterBody(json: request.json(loop.limits))
        } catch {
            return .answer(.text(400, "Request decode failed: \(error.text)"))
        }
        if let refusal = otherDatacenter(body.datacenter, loop) { return refusal }
        if body.node.bytes.isEmpty { return .answer(.text(500, "Must provide node")) }
        let command = Deregister(
            node: body.node,
            serviceID: body.serviceID,
            checkID: body.checkID
        )
        return .propose([command.encode(request.commandHeader)], .catalogWrite)
    }

    private static func otherDatacenter(_ name: ByteString, _ loop: ConsulLoop) -> Step? {
        if name.bytes.isEmpty || name == ByteString(loop.settings.datacenter) { return nil }
        return .answer(.text(500, "No path to datacenter"))
    }

    static func datacenters(_ request: Request, _ loop: ConsulLoop) -> Answer {
        let options: ReadOptions
        do throws(DecodeError) {
            options = try ReadOptions(now: request.parameters, cacheControl: request.cacheControl)
        } catch {
            return .text(400, error.text)
        }
        var json = JSONWriter()
        json.beginArray()
        json.string(loop.settings.datacenter)
        json.endArray()
        var answer = Answer.json(json.bytes)
        answer.head.isCacheMiss = options.isCached
        return answer
    }

    static func nodes(_ request: Request, _ loop: ConsulLoop) -> Step {
        ReadStep.make(
            request,
            loop,
            .nodes(ReadStep.selection(request)),
            filter: Schemas.node
        )
    }

    static func services(_ request: Request, _ loop: ConsulLoop) -> Step {
        ReadStep.make(request, loop, .services(ReadStep.selection(request)))
    }

    static func service(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing service name")) }
        let subject = Question.Subject.serviceInstances(
            request.suffixName,
            ReadStep.selection(request)
        )
        return ReadStep.make(request, loop, subject, filter: Schemas.catalogService)
    }

    static func node(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing node name")) }
        return ReadStep.make(request, loop, .node(request.suffixName), filter: Schemas.service)
    }

    static func nodeServices(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing node name")) }
        return ReadStep.make(
            request,
            loop,
            .nodeServices(request.suffixName),
            filter: Schemas.service
        )
    }
}
