import HTTPTypes
import Hummingbird
import Messaging

/// `/customers`: list, read, create, change. For agents of any role.
///
/// A customer's `ETag` is its version: with `If-Match`, a change is refused if somebody else made one in between.
///
/// Source: access guide, "Customer Management API".
struct CustomerRoutes: Sendable {
    let customers: CustomerStore
    let bodies: BodyReader

    func add(to group: RouterGroup<APIContext>) {
        group.get("customers") { request, _ in
            let query = try QueryParameters(
                of: request,
                known: ["name", "channel", "active", "tag"] + QueryParameters.pagingNames
            )
            let filter = CustomerFilter(
                name: try query.text("name"),
                channel: try query.text("channel").map { try TextRules.channel($0, field: "channel") },
                active: try query.flag("active"),
                tag: try query.text("tag")
            )
            let (page, size) = try query.paging()
            let found = try await customers.customers(matching: filter, page: page, size: size)
            let connected = try await customers.connected(of: found.content.map(\.id))
            return try APIResponse.success(PageJSON(found) { CustomerJSON($0, online: connected.contains($0.id)) })
        }
        group.post("customers") { request, context in
            let body = try await bodies.read(NewCustomer.self, from: request)
            return try response(
                try await customers.create(body.profile, by: context.author()),
                online: false,
                status: .created
            )
        }
        group.get("customers/:id") { _, context in
            let id = try context.id(of: "customer")
            return try await response(try await customers.customer(id))
        }
        group.put("customers/:id") { request, context in
            let id = try context.id(of: "customer")
            let changes = try await bodies.read(CustomerChanges.self, from: request)
            var profile = try await customers.customer(id).profile
            changes.apply(to: &profile)
            try CustomerFields.checkIdentities(of: profile)
            let expected = request.headers[.ifMatch].map(EntityTags.init)
            let author = try context.author()
            let changed = try await customers.update(
                id,
                by: author,
                ifVersion: { expected?.contain(version: $0) ?? true }
            ) {
                changes.apply(to: &$0)
            }
            return try await response(changed)
        }
    }

    private func response(_ customer: Customer) async throws -> Response {
        try response(customer, online: try await !customers.connected(of: [customer.id]).isEmpty)
    }

    private func response(
        _ customer: Customer,
        online: Bool,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        var response = try APIResponse.success(CustomerJSON(customer, online: online), status: status)
        response.headers[.eTag] = "\"\(customer.version)\""
        return response
    }
}

/// The value of `If-Match`: `*`, or entity tags with commas between.
///
/// Source: RFC 9110 §13.1.1.
private struct EntityTags {
    private let tags: [Substring]

    init(_ header: String) { tags = header.split { $0 == "," || $0 == " " } }

    func contain(version: Int) -> Bool { tags.contains("*") || tags.contains("\"\(version)\"") }
}

/// One page of a listing.
struct PageJSON<Element: Encodable>: Encodable {
    let content: [Element]
    let totalElements: Int
    let totalPages: Int
    let page: Int
    let size: Int

    init<Item>(_ page: Page<Item>, _ element: (Item) -> Element) {
        content = page.content.map(element)
        totalElements = page.totalElements
        totalPages = page.totalPages
        self.page = page.page
        size = page.size
    }
}

/// A customer as agents see them: the guide's fields, the channel ids, and when the record was made and changed. What is
/// not known is left out.
struct CustomerJSON: Encodable {
    let id: String
    let name: String
    let primaryChannel: String
    let email: String?
    let phone: String?
    let tags: [String]
    let notes: String?
    let active: Bool
    let wechatOpenId: String?
    let whatsappPhone: String?
    let lineUserId: String?
    let telegramId: String?
    let facebookPsid: String?
    let appUserId: String?
    let lastInteractionAt: String
    let createdAt: String
    let updatedAt: String
    /// Grows with each change of the record; the `ETag` too.
    let version: Int
    /// Whether the customer is connected.
    let online: Bool

    init(_ customer: Customer, online: Bool) {
        let profile = customer.profile
        id = customer.id.description
        name = profile.name
        primaryChannel = profile.primaryChannel.rawValue
        email = profile.email
        phone = profile.phone
        tags = profile.tags
        notes = profile.notes
        active = profile.active
        wechatOpenId = profile.channelIDs[.weChat]
        whatsappPhone = profile.channelIDs[.whatsApp]
        lineUserId = profile.channelIDs[.line]
        telegramId = profile.channelIDs[.telegram]
        facebookPsid = profile.channelIDs[.facebook]
        appUserId = profile.channelIDs[.app]
        lastInteractionAt = customer.lastInteractionAt.iso8601
        createdAt = customer.createdAt.iso8601
        updatedAt = customer.updatedAt.iso8601
        version = customer.version
        self.online = online
    }
}
