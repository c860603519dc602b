package schema

import (
	"encoding/binary"
	"slices"
)

// packedPositions are the positions of one agent in few bytes: half of what a
// result holds is positions, and reflection on each would cost more than the
// evaluation.
type packedPositions struct {
	Files []string
	Data  []byte
}

// pack takes the positions out of the agents of a result.
func pack(r *unitResult) []packedPositions {
	out := make([]packedPositions, len(r.Agents))
	for i := range r.Agents {
		a := &r.Agents[i].Agent
		var p packedPositions
		for path, pos := range a.Positions {
			n := slices.Index(p.Files, pos.File)
			if n < 0 {
				n = len(p.Files)
				p.Files = append(p.Files, pos.File)
			}
			p.Data = binary.AppendUvarint(p.Data, uint64(len(path)))
			p.Data = append(p.Data, path...)
			for _, v := range []int{n, pos.Line, pos.Column} {
				p.Data = binary.AppendUvarint(p.Data, uint64(v))
			}
		}
		a.Positions = nil
		out[i] = p
	}
	return out
}

// unpack puts the positions back; false if they are not those of r.
func unpack(r *unitResult, packed []packedPositions) bool {
	if len(packed) != len(r.Agents) {
		return false
	}
	for i, p := range packed {
		if len(p.Data) == 0 {
			continue
		}
		positions, ok := p.positions()
		if !ok {
			return false
		}
		r.Agents[i].Agent.Positions = positions
	}
	return true
}

// positions reads the positions.
func (p packedPositions) positions() (Positions, bool) {
	out := make(Positions, len(p.Data)/24)
	data := string(p.Data) // the paths share it
	for len(data) > 0 {
		length, data1, ok := uvarint(data)
		if !ok || length > len(data1) {
			return nil, false
		}
		path := data1[:length]
		data = data1[length:]
		var v [3]int
		for i := range v {
			if v[i], data, ok = uvarint(data); !ok {
				return nil, false
			}
		}
		if v[0] >= len(p.Files) {
			return nil, false
		}
		out[path] = Position{File: p.Files[v[0]], Line: v[1], Column: v[2]}
	}
	return out, true
}

// uvarint reads a number off the front of s. Numbers here fit in 32 bits.
func uvarint(s string) (value int, rest string, ok bool) {
	for i := 0; i < len(s) && i < 5; i++ {
		value |= int(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return value, s[i+1:], true
		}
	}
	return 0, "", false
}
