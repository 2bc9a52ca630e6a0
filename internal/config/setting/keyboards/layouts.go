package keyboards

// Layout is one keyboard: the characters of its keys, row by row.
type Layout struct {
	Name, Title string
	e, d, c, b  row // from the digits down to the one above the space bar
	j           row
}

// row is what a row's keys write alone, with Shift and with AltGr: one
// character for each key, a space for none.
type row struct{ plain, shift, altGr string }

// Layouts are the keyboards, written down from what is printed on their keys.
// The first is that of a new appliance.
func Layouts() []Layout {
	return []Layout{
		{
			Name: "us", Title: "English (US)",
			e: row{"`1234567890-=", "~!@#$%^&*()_+", ""},
			d: row{"qwertyuiop[]", "QWERTYUIOP{}", ""},
			c: row{`asdfghjkl;'\`, `ASDFGHJKL:"|`, ""},
			b: row{"<zxcvbnm,./", ">ZXCVBNM<>?", "|"},
		}, {
			Name: "gb", Title: "English (UK)",
			e: row{"`1234567890-=", `¬!"£$%^&*()_+`, "¦   €"},
			d: row{"qwertyuiop[]", "QWERTYUIOP{}", ""},
			c: row{"asdfghjkl;'#", "ASDFGHJKL:@~", ""},
			b: row{`\zxcvbnm,./`, "|ZXCVBNM<>?", ""},
		}, {
			Name: "de", Title: "Deutsch",
			e: row{"^1234567890ß´", "°!\"§$%&/()=?`", `  ²³   {[]}\`},
			d: row{"qwertzuiopü+", "QWERTZUIOPÜ*", "@ €        ~"},
			c: row{"asdfghjklöä#", "ASDFGHJKLÖÄ'", ""},
			b: row{"<yxcvbnm,.-", ">YXCVBNM;:_", "|      µ"},
		}, {
			Name: "ch", Title: "Deutsch (Schweiz)",
			e: row{"§1234567890'^", "°+\"*ç%&/()=?`", " ¦@#°§¬|¢  ´~"},
			d: row{"qwertzuiopü¨", "QWERTZUIOPè!", "  €       []"},
			c: row{"asdfghjklöä$", "ASDFGHJKLéà£", "          {}"},
			b: row{"<yxcvbnm,.-", ">YXCVBNM;:_", `\`},
		}, {
			Name: "fr", Title: "Français",
			e: row{"²&é\"'(-è_çà)=", "²1234567890°+", "  ~#{[|`\\^@]}"},
			d: row{"azertyuiop^$", "AZERTYUIOP¨£", "  €        ¤"},
			c: row{"qsdfghjklmù*", "QSDFGHJKLM%µ", ""},
			b: row{"<wxcvbn,;:!", ">WXCVBN?./§", ""},
		}, {
			Name: "be", Title: "Belge / Belgisch",
			e: row{"²&é\"'(§è!çà)-", "³1234567890°_", " |@#{[^  {}"},
			d: row{"azertyuiop^$", "AZERTYUIOP¨*", "  €       []"},
			c: row{"qsdfghjklmùµ", "QSDFGHJKLM%£", "          ´`"},
			b: row{"<wxcvbn,;:=", ">WXCVBN?./+", `\         ~`},
		}, {
			Name: "es", Title: "Español",
			e: row{"º1234567890'¡", `ª!"·$%&/()=?¿`, `\|@#~€¬`},
			d: row{"qwertyuiop`+", "QWERTYUIOP^*", "  €       []"},
			c: row{"asdfghjklñ´ç", "ASDFGHJKLÑ¨Ç", "          {}"},
			b: row{"<zxcvbnm,.-", ">ZXCVBNM;:_", ""},
		}, {
			Name: "pt", Title: "Português",
			e: row{`\1234567890'«`, `|!"#$%&/()=?»`, "  @£§€ {[]}"},
			d: row{"qwertyuiop+´", "QWERTYUIOP*`", "  €       ¨"},
			c: row{"asdfghjklçº~", "ASDFGHJKLÇª^", ""},
			b: row{"<zxcvbnm,.-", ">ZXCVBNM;:_", ""},
		}, {
			Name: "it", Title: "Italiano",
			e: row{`\1234567890'ì`, `|!"£$%&/()=?^`, "       {[]}`~"},
			d: row{"qwertyuiopè+", "QWERTYUIOPé*", "  €       []"},
			c: row{"asdfghjklòàù", "ASDFGHJKLç°§", "         @#"},
			b: row{"<zxcvbnm,.-", ">ZXCVBNM;:_", ""},
		}, {
			Name: "se", Title: "Svenska / Suomi",
			e: row{"§1234567890+´", "½!\"#¤%&/()=?`", `  @£$€ {[]}\`},
			d: row{"qwertyuiopå¨", "QWERTYUIOPÅ^", "  €        ~"},
			c: row{"asdfghjklöä'", "ASDFGHJKLÖÄ*", ""},
			b: row{"<zxcvbnm,.-", ">ZXCVBNM;:_", "|      µ"},
		}, {
			Name: "dk", Title: "Dansk",
			e: row{"½1234567890+´", "§!\"#¤%&/()=?`", "  @£$€ {[]} |"},
			d: row{"qwertyuiopå¨", "QWERTYUIOPÅ^", "  €        ~"},
			c: row{"asdfghjklæø'", "ASDFGHJKLÆØ*", ""},
			b: row{"<zxcvbnm,.-", ">ZXCVBNM;:_", `\      µ`},
		}, {
			Name: "no", Title: "Norsk",
			e: row{`|1234567890+\`, "§!\"#¤%&/()=?`", "  @£$€ {[]} ´"},
			d: row{"qwertyuiopå¨", "QWERTYUIOPÅ^", "  €        ~"},
			c: row{"asdfghjkløæ'", "ASDFGHJKLØÆ*", ""},
			b: row{"<zxcvbnm,.-", ">ZXCVBNM;:_", "       µ"},
		}, {
			Name: "pl", Title: "Polski",
			e: row{"`1234567890-=", "~!@#$%^&*()_+", ""},
			d: row{"qwertyuiop[]", "QWERTYUIOP{}", "  ę     ó"},
			c: row{`asdfghjkl;'\`, `ASDFGHJKL:"|`, "ąś      ł"},
			b: row{"<zxcvbnm,./", ">ZXCVBNM<>?", "|żźć  ń"},
		}, {
			Name: "jp", Title: "日本語",
			e: row{" 1234567890-^", " !\"#$%&'() =~", ""},
			d: row{"qwertyuiop@[", "QWERTYUIOP`{", ""},
			c: row{"asdfghjkl;:]", "ASDFGHJKL+*}", ""},
			b: row{" zxcvbnm,./", " ZXCVBNM<>?", ""},
			j: row{`\\`, "|_", ""},
		},
	}
}
