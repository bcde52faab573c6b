package release

import (
	"slices"
	"strconv"

	"github.com/muster-log/muster/internal/strictjson"
)

func (r *reader) roles(v strictjson.Value, keys map[KeyID]Key) []Role {
	var roles []Role
	roots := 0
	for _, element := range r.set(v, 1, maxRoles) {
		role := r.role(element, keys)
		if role.Name == RoleRoot {
			roots++
			if len(role.Products)+len(role.Kinds)+len(role.Channels) > 0 {
				r.refuseGot(element, CodeRoleRoot, "a root role with limits", "empty lists of products, kinds and channels")
			}
		}
		roles = append(roles, role)
	}
	if r.refusal == nil && roots != 1 {
		r.refuseGot(v, CodeRoleRoot, strconv.Itoa(roots)+" root roles", "one")
	}
	return roles
}

func (r *reader) role(v strictjson.Value, keys map[KeyID]Key) Role {
	if !r.object(v, roleMembers) {
		return Role{}
	}
	role := Role{Name: oneOf(r, v.Member("name"), roleNames...)}
	for _, element := range r.set(v.Member("products"), 0, maxRoleProducts) {
		role.Products = append(role.Products, r.matches(element, &nameGrammar))
	}
	for _, element := range r.set(v.Member("kinds"), 0, len(kinds)) {
		role.Kinds = append(role.Kinds, string(oneOf(r, element, kinds...)))
	}
	for _, element := range r.set(v.Member("channels"), 0, maxChannels) {
		role.Channels = append(role.Channels, r.matches(element, &channelGrammar))
	}
	var distinct []Digest
	for _, element := range r.set(v.Member("keys"), 1, maxKeys) {
		id := r.bareDigest(element)
		if r.refusal != nil {
			break
		}
		role.Keys = append(role.Keys, id)
		if spki := r.roleKey(element, role.Name, id, keys); !slices.Contains(distinct, spki) {
			distinct = append(distinct, spki)
		}
	}
	threshold := v.Member("threshold")
	role.Threshold = int(r.integer(threshold, 0, maxInteger))
	if r.refusal == nil && (role.Threshold < 1 || role.Threshold > len(distinct)) {
		r.refuse(threshold, CodeThreshold, "1 to "+strconv.Itoa(len(distinct))+", the distinct keys of the role")
	}
	return role
}

// roleKey judges a key in a role and returns by what it counts as distinct.
func (r *reader) roleKey(v strictjson.Value, name RoleName, id KeyID, keys map[KeyID]Key) Digest {
	key, ok := keys[id]
	if !ok {
		r.refuse(v, CodeRoleKey, "a key that stands in keys")
		return Digest{}
	}
	if foreign := key.Format == FormatOpenPGP || key.Format == FormatX509; foreign && name != RoleWithdraw && name != RoleAuditor {
		r.refuseGot(v, CodeKeyRole, "a key of format "+string(key.Format)+" in role "+string(name), "another format, or role withdraw or auditor")
		return Digest{}
	}
	spki, err := key.SPKI()
	if err != nil && r.refusal == nil {
		r.refusal = keyRefusal(err, v.Path())
	}
	return spki
}
